# SPDX-License-Identifier: Apache-2.0
"""Logs that no program writes (torn, forged, of many segments), checkpoints and bundles, made from
docs/formats/write-ahead-log.md alone, for the tests that hold tools/verify.py and `symphainy wal verify` to one verdict."""
import base64
import contextlib
import hashlib
import importlib.util
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
VERIFY = ROOT / "tools/verify.py"
spec = importlib.util.spec_from_file_location("verify", VERIFY)
verify = importlib.util.module_from_spec(spec)
sys.modules["verify"] = verify
spec.loader.exec_module(verify)

ACCOUNT = ("records", "first", "last", "tenants", "torn_tail_bytes", "head")
ZERO = bytes(32)
STORE, TIMELINE = bytes.fromhex("018bcfe5680070008000000000000001"), bytes.fromhex("018bcfe5680070008000000000000002")
INTENT = {"intent_type": "ingest_file", "tenant_id": "acme", "session_id": "s", "solution_id": "x",
          "actor": {"type": "user", "id": "verify-test"}}
TABLE = list(range(256))
for _ in range(8):
    TABLE = [v >> 1 ^ 0x82F63B78 * (v & 1) for v in TABLE]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def intents(count):
    return "".join(json.dumps(INTENT | {"idempotency_key": f"key-{i}", "parameters": {"bytes": "aGVsbG8=", "name": f"f{i}"}})
                   + "\n" for i in range(count))


class Writer:
    """Makes a log; what a record, a batch, a segment or a slot says can be overridden, with every CRC right again."""

    def __init__(self):
        self.position, self.hash, self.time, self.generation = 0, ZERO, 1700000000000000, 0
        self.chains, self.segments, self.records = {}, [], []

    def segment(self, **k):
        header = struct.pack("<8sHHI16s16sQ32s36s", b"SYMPHWAL", k.get("format", 1), k.get("reserved", 0), 12288,
                             k.get("store", STORE), k.get("timeline", TIMELINE), k.get("first", self.position + 1),
                             k.get("before", self.hash), bytes(36))
        page = bytearray((header + struct.pack("<I", crc32c(header))).ljust(12288, b"\0"))
        self.segments.append((k.get("name", self.position + 1), page))
        return self

    def record(self, tenant=b"acme", partition=0, payload=b'{"n":1}', **k):
        seq, chain = self.chains.get((tenant, partition), (0, ZERO))
        self.position, self.time, seq = self.position + 1, self.time + 1, k.get("seq", seq + 1)
        header = struct.pack("<HHHHHHIQQQqQ16s16s", k.get("format", 1), 1, k.get("type", 7), 1, partition, len(tenant), 1, k.get("epoch", 2),
                             k.get("position", self.position), seq, k.get("time", self.time), 0, k.get("store", STORE),
                             bytes(16)) + tenant
        salt = sha256(self.position.to_bytes(8, "little"))[:16]
        digest = k.get("digest", sha256(salt, payload))
        chain = k.get("chain", sha256(chain, header, digest))
        self.chains[tenant, partition] = seq, chain
        body = header + salt + struct.pack("<I", len(payload)) + payload + digest + chain
        record = struct.pack("<I", len(body)) + body
        self.records.append((self.position, tenant, record))
        return record, chain

    def batch(self, *records, **k):
        first, made = self.position + 1, [self.record(**record) for record in records]
        count, body = k.get("count", len(made)), b"".join(r for r, _ in made) + k.get("extra", b"")
        self.hash = k.get("hash", sha256(self.hash, struct.pack("<QI", first, count), *(c for _, c in made)))
        head = struct.pack("<4sII", b"SYB1", 56 + len(body), count)
        rest = struct.pack("<Q", k.get("first", first)) + self.hash + body
        self.segments[-1][1].extend(head + struct.pack("<I", crc32c(head + bytes(4) + rest)) + rest)
        return self

    def slot(self, closed=0, **k):
        self.generation = k.get("generation", self.generation + 1)
        slot = struct.pack("<8sQ16s16sQ32sI", b"SYMPHEAD", self.generation, k.get("store", STORE),
                           k.get("timeline", TIMELINE), k.get("position", self.position), k.get("hash", self.hash), closed)
        return slot + struct.pack("<I", crc32c(slot))

    def base(self, restored=b"", **k):
        """The file `base` of a log that begins behind what was made so far."""
        data = b"SYMPHBAS" + struct.pack("<I16s16sQqQ32sI", k.get("format", 1), k.get("store", STORE), k.get("timeline", TIMELINE),
                                         k.get("position", self.position), k.get("time", self.time), k.get("epoch", 2),
                                         k.get("hash", self.hash), len(self.chains))
        for (tenant, partition), (seq, chain) in sorted(k.get("chains", self.chains).items()):
            data += struct.pack("<H", len(tenant)) + tenant + struct.pack("<HQ32s", partition, seq, chain)
        data += struct.pack("<I", len(restored)) + restored
        return data + struct.pack("<I", crc32c(data))

    def put(self, offset, data, segment=-1):
        self.segments[segment][1][offset:offset + len(data)] = data
        return self

    def files(self, *slots, zeros=600):
        """The files of the log, with `slots` in its head."""
        head = b"".join(slot.ljust(4096, b"\0") for slot in slots).ljust(8192, b"\0")
        return {"head": head} | {f"{name:020}.seg": bytes(data) + bytes(zeros) for name, data in self.segments}


def flipped(files, name, offset, bit=0):
    data = bytearray(files[name])
    data[offset] ^= 1 << bit
    return files | {name: bytes(data)}


SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def sign(seed, message):
    """(public key, signature) of RFC 8032, 5.1.6, on the points of verify.py, which the RFC's vectors vouch for."""
    def encode(point):
        return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")
    base = verify.point_of((4 * pow(5, -1, verify.P) % verify.P).to_bytes(32, "little"))
    h = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(h[:32], "little") & ~7 & (1 << 254) - 1 | 1 << 254
    public = encode(verify.times(scalar, base))
    r = int.from_bytes(hashlib.sha512(h[32:] + message).digest(), "little") % verify.ORDER
    start = encode(verify.times(r, base))
    k = int.from_bytes(hashlib.sha512(start + public + message).digest(), "little")
    return public, start + ((r + k * scalar) % verify.ORDER).to_bytes(32, "little")


def tree(hashes):
    """(root, audit paths), level by level: another way than that of RFC 6962, with the same result."""
    level, paths, at = list(hashes), [[] for _ in hashes], list(range(len(hashes)))
    while len(level) > 1:
        for leaf, index in enumerate(at):
            if index ^ 1 < len(level):
                paths[leaf].append(level[index ^ 1])
        at = [index // 2 for index in at]
        level = [sha256(b"\1", *level[i:i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0], paths


def line(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def id_text(raw):
    return "-".join((raw[:4].hex(), raw[4:6].hex(), raw[6:8].hex(), raw[8:10].hex(), raw[10:].hex()))


def checkpoint_of(made, **changed):
    """(checkpoint, audit paths by chain, index by chain) at the end of what is written."""
    order = sorted(made.chains)
    root, paths = tree([sha256(b"\0", struct.pack("<H", len(t)), t, struct.pack("<HQ", p, made.chains[t, p][0]),
                               made.chains[t, p][1]) for t, p in order])
    value = {"created_at": "2026-01-31T12:00:00.000000Z", "format": 1, "kind": "symphainy.checkpoint",
             "merkle_root": root.hex(), "position": made.position, "public_key": sign(SEED, b"")[0].hex(), "store": id_text(STORE),
             "store_hash": made.hash.hex(), "tenants": len(order), "timeline": id_text(TIMELINE)} | changed
    return value | {"signature": sign(SEED, line(value)[:-1])[1].hex()}, dict(zip(order, paths)), order


def bundle_of(made, tenant, partitions=None, **changed):
    """The lines of a bundle."""
    checkpoint, paths, order = checkpoint_of(made)
    mine = [chain for chain in order if chain[0] == tenant and (partitions is None or chain[1] in partitions)]
    records = [record for _, owner, record in made.records
               if owner == tenant and (partitions is None or struct.unpack_from("<H", record, 12)[0] in partitions)]
    head = {"checkpoint": checkpoint, "format": 1, "kind": "symphainy.bundle", "records": len(records),
            "tenant": tenant.decode(), "chains": [{"chain": made.chains[chain][1].hex(), "index": order.index(chain), "partition": chain[1],
                        "path": [digest.hex() for digest in paths[chain]], "seq": made.chains[chain][0]}
                       for chain in mine]}
    return [line(head | changed)] + [line({"record": base64.b64encode(record).decode()}) for record in records]


class Case(unittest.TestCase):
    program = ""
    compared = 0

    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.work)

    def lay_out(self, name, files):
        wal = self.work / name / "wal"
        wal.mkdir(parents=True)
        for file, data in files.items():
            (wal / file).write_bytes(data)
        return wal.parent

    def answers(self, data, against=None):
        done = subprocess.run([Case.program, "wal", "verify", "--data", data, *(["--against", against] if against else [])],
                              capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}

    def hold_together(self, cases, against=None):
        """{label: files}: the same verdict on all of them, each alone or against a checkpoint's file; and when it is
        "intact", the same account of it. self.told has the program's exit codes."""
        laid = {label: self.lay_out(f"{self._testMethodName}-{Case.compared}-{i}", files)
                for i, (label, files) in enumerate(cases.items())}
        self.told, verdicts = {}, {0: 0, 3: 0}
        with ThreadPoolExecutor(2) as pool:  # one process verifies while this one does
            theirs = {label: pool.submit(self.answers, data, against) for label, data in laid.items()}
            for label, data in laid.items():
                mine = verify.verify(data, against)
                code, answer = theirs[label].result()
                with self.subTest(label):
                    self.assertIn(code, (0, 3), answer)
                    agrees = mine.get("checkpoint", {"agrees": True})["agrees"]
                    self.assertEqual(mine["intact"] and agrees, code == 0, (mine, answer))
                    verdicts[code] += 1
                    self.told[label] = code
                    if mine["intact"]:
                        self.assertEqual({name: mine[name] for name in ACCOUNT}, {name: answer[name] for name in ACCOUNT})
                    elif not mine["damage"]["segment"].endswith("head"):
                        self.assertEqual(mine["last"], answer["last"], (mine, answer))
                shutil.rmtree(data)
        Case.compared += len(cases)
        print(f"{self._testMethodName}: {len(cases)} cases, {verdicts[0]} intact, {verdicts[3]} damaged")
        return verdicts


def log_of_the_program(directory, count, kill_after=None):
    """The files of the log that `symphainy run` leaves, which is killed after so many answers."""
    data = directory / f"made-{count}"
    run = subprocess.Popen([Case.program, "run", "--data", data, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    with ThreadPoolExecutor(1) as feeder:
        def feed():
            with contextlib.suppress(OSError), run.stdin:  # it may be killed before it has read all
                run.stdin.write(intents(count).encode())
        feeder.submit(feed)
        for number, _ in enumerate(run.stdout, 1):
            if number == kill_after:
                run.kill()
                break
        run.stdout.read()
        code = run.wait()
    run.stdout.close()
    assert code == (0 if kill_after is None else -9), code
    files = {path.name: path.read_bytes() for path in (data / "wal").iterdir()}
    name, = (n for n in files if n.endswith(".seg"))
    used = len(files[name].rstrip(b"\0"))
    # Cut in the zeros at its end it is only shorter, and hundreds of copies of it are made in no time.
    return {"head": files["head"], name: files[name][:used + 600]}


def main():
    """Runs the tests of the script that was started with the program's path, and says how many cases were compared."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} SYMPHAINY")
    Case.program = sys.argv.pop(1)
    result = unittest.main(exit=False).result
    print(f"{Case.compared} cases held against {Case.program}")
    sys.exit(not result.wasSuccessful())
