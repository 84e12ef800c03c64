#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second verifier of the write-ahead log, of checkpoints and of bundles, that shares nothing with the first.

Written from docs/formats/write-ahead-log.md alone (a "section" below is one of that page) with Python's standard library, so
that a mistake of the program's own verifier is not repeated here. It reads and never writes. Where the page leaves a choice,
what no crash can have made is refused. Exits 0: intact, 3: damaged or not what the checkpoint says, 2: usage, unreadable, or
when the checkpoint's position is retired ("agrees": null).
"""
import argparse, base64, contextlib, hashlib, json, re, struct, sys, uuid
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
ZERO = bytes(32)  # stands before the first link of every chain
BATCH, RECORD = struct.Struct("<4sIIIQ32s"), struct.Struct("<IHHHHHHIQQQqQ16s16s")
SLOT, SEGMENT = struct.Struct("<8sQ16s16sQ32sII"), struct.Struct("<8sHHI16s16sQ32s36sI")
FIRST_BATCH, SLOTS = 12288, (4096, 8192)
Chains = dict[tuple[bytes, int], tuple[int, bytes]]  # (tenant, partition) -> (tenant sequence, chain hash)
Json = dict[str, Any]
class Unreadable(Exception): """Nothing here can be verified."""
class Invalid(Exception): """A batch, a record or a line that does not pass; what that means depends on where it stands."""
class Refused(Invalid): """What was written whole, and is refused all the same wherever it stands."""
class Damage(Exception): """Corruption in the sense of section "Opening"; its argument says where."""
def require(right: object, reason: str) -> None:
    if not right:
        raise Invalid(reason)
def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
def uuid_text(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw))
# CRC-32C, four bytes at a time: table i has the remainder of a byte that i more bytes follow.
CRC = [list(range(256))]
for _ in range(8):
    CRC[0] = [value >> 1 ^ (0x82F63B78 if value & 1 else 0) for value in CRC[0]]
while len(CRC) < 4:
    CRC.append([CRC[0][value & 255] ^ value >> 8 for value in CRC[-1]])
def crc32c(data: bytes, crc: int = 0) -> int:
    last, third, second, first = CRC
    crc, whole = crc ^ 0xFFFFFFFF, len(data) & ~3
    for start in range(0, whole, 1 << 16):  # in pieces: a number is far larger in memory than in a segment
        for word in struct.unpack_from(f"<{min(whole - start, 1 << 16) // 4}I", data, start):
            word ^= crc
            crc = first[word & 255] ^ second[word >> 8 & 255] ^ third[word >> 16 & 255] ^ last[word >> 24]
    for byte in data[whole:]:
        crc = last[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
# Ed25519 (RFC 8032, 5.1) on points (x, y). One signature is verified in a run, so plain formulas are fast enough.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
def add(a: Point, b: Point) -> Point:
    k = D * a[0] * b[0] * a[1] * b[1] % P
    both = pow(1 - k * k, -1, P)
    return (a[0] * b[1] + b[0] * a[1]) * (1 - k) * both % P, (a[1] * b[1] + a[0] * b[0]) * (1 + k) * both % P
def times(scalar: int, point: Point) -> Point:
    rest = times(scalar >> 1, add(point, point)) if scalar else (0, 1)
    return add(rest, point) if scalar & 1 else rest
def point_of(encoded: bytes) -> Point:
    y, sign = int.from_bytes(encoded, "little") & (1 << 255) - 1, encoded[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    require(y < P and x * x % P == square and (x or not sign), "the public key is no point of the curve")
    return P - x if x & 1 != sign else x, y
def signed(public: bytes, message: bytes, signature: bytes) -> bool:  # RFC 8032, 5.1.7: [S]B - [k]A must be R to the byte
    scalar, key = int.from_bytes(signature[32:], "little"), point_of(public)
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    base = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    x, y = add(times(scalar, base), times(k, (P - key[0], key[1])))
    return scalar < ORDER and (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
# The Merkle tree of RFC 6962, 2.1 (section "A checkpoint").
def leaf(tenant: bytes, partition: int, seq: int, chain: bytes) -> bytes:
    return sha256(b"\0", struct.pack("<H", len(tenant)), tenant, struct.pack("<HQ", partition, seq), chain)
def merkle_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", merkle_root(leaves[:left]), merkle_root(leaves[left:]))
def root_by_path(below: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path (RFC 6962, 2.1.1) leads to: the sibling at the top stands last in it."""
    require(index < size and (size > 1) == bool(path), "an audit path does not fit into the tree")
    if size == 1:
        return below
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return sha256(b"\1", root_by_path(below, index, left, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_by_path(below, index - left, size - left, path[:-1]))
def canonical(value: Any) -> str:
    """RFC 8785. json.dumps escapes as its 3.2.2.2 says, but does not know the order of keys: by UTF-16 code units."""
    def ordered(part: Any) -> Any:
        if type(part) is dict:
            return {key: ordered(part[key]) for key in sorted(part, key=lambda key: key.encode("utf-16-be"))}
        return [*map(ordered, part)] if type(part) is list else part
    return json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":"))
def parse_line(line: bytes) -> Any:
    """The value of a line that is canonical to the byte; so no member stands there twice."""
    try:
        value = json.loads(line.decode())
        same = canonical(value).encode() + b"\n" == line
    except (ValueError, RecursionError) as error:
        raise Invalid(f"it is no JSON: {error}") from error
    require(same, "it is not canonical JSON and a line feed")
    return value
HASH, SIGNATURE, UUID = "[0-9a-f]{64}", "[0-9a-f]{128}", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
CHECKPOINT = {"created_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "format": 1, "kind": "symphainy.checkpoint",
              "merkle_root": HASH, "position": int, "public_key": HASH, "signature": SIGNATURE, "store": UUID,
              "store_hash": HASH, "tenants": int, "timeline": UUID}
BUNDLE = {"checkpoint": dict, "chains": list, "format": 1, "kind": "symphainy.bundle", "records": int, "tenant": str}
CHAIN = {"chain": HASH, "index": int, "partition": int, "path": list, "seq": int}
STATEMENT = ("store", "timeline", "position", "store_hash", "merkle_root", "tenants")
def check_members(value: Any, members: Json) -> None:
    """Exactly these: in a bundle, nothing would vouch for another. Numbers beyond 2^53 RFC 8785 cannot write."""
    require(type(value) is dict and set(value) == set(members), f"its members are not {', '.join(members)}")
    for name, wanted in members.items():
        found = value[name]
        right = (re.fullmatch(wanted, found, re.ASCII) if type(wanted) is type(found) is str else
                 found == wanted if type(wanted) is type(found) is int else type(found) is wanted)
        require(right and (type(found) is not int or 0 <= found < 1 << 53), f"its member {name} is not what the format says")
def check_checkpoint(value: Any, key: bytes | None) -> None:
    check_members(value, CHECKPOINT)
    require(value["position"] >= 1 and value["tenants"] >= 1, "its position or its number of tenants is 0")
    public, message = bytes.fromhex(value["public_key"]), {name: value[name] for name in value if name != "signature"}
    require(key in (None, public), "it is signed with another key than the one that is known")
    require(signed(public, canonical(message).encode(), bytes.fromhex(value["signature"])), "its signature is not valid")
def agreement(wanted: Json, found: Json) -> Json:  # section "A checkpoint": `found` is what there is at its position
    reason = (f"it is not intact itself: {wanted['damage']['reason']}" if not wanted["intact"] else
              "no batch ends at its position" if not found else
              ", ".join(f"another {name}" for name in STATEMENT if found[name] != wanted[name]))
    return {"agrees": False, "reason": reason} if reason else {"agrees": True}
# Section "A record": what of it is verified; its end is where the next one begins.
Record = NamedTuple("Record", [
    ("end", int), ("partition", int), ("epoch", int), ("position", int), ("seq", int), ("time", int), ("store", bytes),
    ("tenant", bytes), ("header", bytes), ("salt", bytes), ("payload", bytes), ("digest", bytes), ("chain", bytes)])
def parse_record(data: bytes, at: int) -> Record:  # its lengths agree with each other and with what is there
    require(at + 176 <= len(data), "a record is cut short")
    length, form, _, _, _, partition, t, _, epoch, position, seq, time, _, store, _ = RECORD.unpack_from(data, at)
    end, salt = at + 4 + length, at + 92 + t
    if form != 1:
        raise Refused(f"a record has format {form}, which is not known")
    require(salt + 84 <= end <= len(data), "the length of a record is wrong")
    require(salt + 84 + int.from_bytes(data[salt + 16:salt + 20], "little") == end, "a record's lengths do not agree")
    return Record(end, partition, epoch, position, seq, time, store, data[at + 92:salt], data[at + 4:salt],
                  data[salt:salt + 16], data[salt + 20:end - 64], data[end - 64:end - 32], data[end - 32:end])
def follow(record: Record, before: tuple[int, bytes]) -> tuple[int, bytes]:
    """The head of the record's chain behind it, if it is the next link and its digests are right."""
    require(record.seq == before[0] + 1, f"at position {record.position} tenant sequence {record.seq} follows {before[0]}")
    require(sha256(record.salt, record.payload) == record.digest, f"the content digest of {record.position} is wrong")
    require(sha256(before[1], record.header, record.digest) == record.chain, f"the chain hash of {record.position} is wrong")
    return record.seq, record.chain
# Section "The durable head".
Slot = NamedTuple("Slot", [("generation", int), ("store", bytes), ("timeline", bytes), ("position", int),
                           ("store_hash", bytes), ("flags", int)])
def slots_in(page: bytes, offsets: tuple[int, int]) -> list[Slot | None]:
    """The slots that were written; None for one that is not valid. A missing one was never written or is cut off."""
    written = [raw.ljust(SLOT.size, b"\0") for at in offsets if any(raw := page[at:at + SLOT.size])]
    return [Slot(*fields[1:7]) if fields[0] == b"SYMPHEAD" and fields[7] == crc32c(raw[:92]) else None
            for raw in written for fields in [SLOT.unpack(raw)]]
def first_page(path: Path) -> bytes:  # what stands before the batches; one that is cut in zeros is only shorter
    with path.open("rb") as file:
        return file.read(FIRST_BATCH).ljust(FIRST_BATCH, b"\0")
def earlier_timelines(payload: bytes) -> dict[str, int]:  # section "Timelines"; what is no such payload tells of none
    with contextlib.suppress(Invalid, KeyError, TypeError, ValueError):
        return {one["timeline"]: int(one["position"]) for one in parse_line(payload + b"\n")["earlier"]}
    return {}
class Log:
    """One reading of a wal directory, from its first byte to its last (section "Opening")."""
    def __init__(self, wal: Path, checkpoint: Json | None) -> None:
        self.wal, self.checkpoint = wal, checkpoint
        self.path, self.offset = wal / "head", 0  # what is looked at: where the damage is, if it does not pass
        self.position, self.store_hash, self.time, self.epoch, self.torn = 0, ZERO, -1 << 64, 0, 0
        self.head, self.closed, self.chains, self.earlier, self.base, self.origin = None, False, {}, {}, 0, b""
        self.reached: Json = {}  # what the checkpoint says, as it is in this log at the same position
    def must(self, right: object, reason: str, offset: int | None = None) -> None:
        if not right:
            raise Damage({"segment": str(self.path), "offset": self.offset if offset is None else offset,
                          "position": self.position + 1, "reason": reason})
    def read(self) -> None:
        self.read_heads()
        self.must(self.origin in (b"", self.head.store + self.head.timeline), "the base is of another store or timeline")
        self.meet_slots(self.base, self.store_hash)
        for path in self.segments:
            self.read_segment(path, path == self.segments[-1])
        self.must(self.segments or not (self.base or self.head.position), "there is no segment, but the head has records")
    def read_heads(self) -> None:
        """Step 1. The head is read before the names are, so that it is not ahead of them when a writer is at work."""
        page = self.path.read_bytes() if self.path.exists() else None
        self.segments = sorted(path for path in self.wal.iterdir()  # what is no position is one of the "other names"
                               if re.fullmatch(r"[0-9]{20}\.seg", path.name) and int(path.stem) < 1 << 64)
        if page is None and not self.segments:
            raise Unreadable(f"there is no log in {self.wal}")
        self.must(page is not None, "there are segments, but no head")
        self.read_base(self.wal / "base")
        self.segments = [path for path in self.segments if int(path.stem) > self.base]  # those before it were being removed
        slots = slots_in(page, (0, 4096))
        self.must(any(slots), "no slot of the head file is valid")  # written in turn, so a crash leaves one of them
        slots += [slot for last in self.segments[-1:] for slot in slots_in(first_page(last), SLOTS)]
        self.head = max(filter(None, slots))  # the newest: the generation stands first
        self.closed = bool(self.head.flags & 1)
        for path in self.segments[:-1]:  # those of earlier segments are no head, but what any valid slot knows must be so
            slots += slots_in(first_page(path), SLOTS)
        self.must(all(slot[1:3] == self.head[1:3] for slot in slots if slot), "a slot is of another store or timeline")
        self.known = sorted({slot[3:5] for slot in slots if slot and slot.position >= self.base}, reverse=True)
    def read_base(self, path: Path) -> None:  # section "The base": where a log begins that is not kept from position 1 on
        if path.exists():
            data, at, chains = path.read_bytes(), 104, {}
            whole = data[:12] == b"SYMPHBAS\1\0\0\0" and data[-4:] == crc32c(data[:-4]).to_bytes(4, "little")
            self.must(whole and len(data) > 111, "the base is not whole")
            position, time, epoch, store_hash, count = struct.unpack_from("<QqQ32sI", data, 44)
            while len(chains) < count and (end := at + 2 + int.from_bytes(data[at:at + 2], "little")) + 42 < len(data):
                partition, seq, chain = struct.unpack_from("<HQ32s", data, end)
                chains[data[at + 2:end], partition], at = (seq, chain), end + 42
            self.must(at + 8 + int.from_bytes(data[at:at + 4], "little") == len(data) and position, "its lengths are wrong")
            self.position, self.time, self.epoch, self.store_hash, self.chains = position, time, epoch, store_hash, chains
            self.base, self.origin, self.earlier = position, data[12:44], earlier_timelines(data[at + 4:-4])
    def read_segment(self, path: Path, last: bool) -> None:
        self.path, self.offset, page, reason, whole = path, 0, first_page(path), "", False
        self.check_header(page)
        for at in SLOTS:  # a crash may tear one of the last segment's, but not of a log that was closed
            self.must(None not in slots_in(page, (at,)) or last and not self.closed, "a slot is not valid", at)
        # Also in the last segment: these zeros were synced before it had its name, so no crash has changed them.
        for start, end in ((SEGMENT.size, 4096), (4096 + SLOT.size, 8192), (8192 + SLOT.size, FIRST_BATCH)):
            rest = page[start:end].lstrip(b"\0")
            self.must(not rest, "a byte before the first batch is not zero", end - len(rest))
        self.offset = FIRST_BATCH
        with path.open("rb") as file:
            size, _ = file.seek(0, 2), file.seek(self.offset)
            try:
                while any(header := file.read(BATCH.size)):  # zeros instead of it, or the file's end, are a clean end
                    self.offset += self.read_batch(file, header, size - self.offset)
            except Invalid as invalid:
                reason, whole = str(invalid), isinstance(invalid, Refused)
            end = file.seek(self.offset) + len(file.read().rstrip(b"\0"))
        self.must(not reason or not whole and last and self.position >= self.head.position, reason)
        self.must(last or end == self.offset, "bytes behind the last batch are not zero")
        if last:
            self.must(self.position >= self.head.position, f"the log ends here, but its head is at {self.head.position}")
            self.must(not self.closed or (self.position, end) == (self.head.position, self.offset),
                      "the log was closed, but there is something behind its end")
            self.torn = end - self.offset
    def check_header(self, page: bytes) -> None:  # step 2, and section "A segment"
        magic, form, zero, start, store, timeline, first, before, zeros, crc = SEGMENT.unpack_from(page)
        self.must(magic == b"SYMPHWAL" and crc == crc32c(page[:124]), "the segment's header is not valid")
        self.must((form, start, zero, any(zeros)) == (1, FIRST_BATCH, 0, False), "its format or reserved bytes are unknown")
        self.must((store, timeline) == self.head[1:3], "the segment is of another store or timeline than the head")
        self.must(first == int(self.path.stem), f"the segment begins at position {first}, which is not its name")
        self.must((first, before) == (self.position + 1, self.store_hash), "the segment does not continue what is before it")
    def meet_slots(self, position: int, store_hash: bytes) -> None:  # a slot's position ends a batch with its store hash
        while self.known and self.known[-1][0] <= position:
            self.must(self.known.pop() == (position, store_hash), "this is not the batch that a slot of the head knows")
    def read_batch(self, file: BinaryIO, header: bytes, room: int) -> int:  # step 3; changes nothing before all is right
        require(len(header) == BATCH.size, "a batch's header is cut short")
        magic, length, count, crc, first, store_hash = BATCH.unpack(header)
        require(magic == b"SYB1", "there is neither a batch nor zeros")
        require(BATCH.size < length <= room and count >= 1, "the batch's length or count is wrong")
        body = file.read(length - BATCH.size)
        require(crc32c(body, crc32c(header[:12] + bytes(4) + header[16:])) == crc, "the batch's CRC-32C is wrong")
        records = [parse_record(body, 0)]
        while len(records) < count:
            records.append(parse_record(body, records[-1].end))
        require(records[-1].end == len(body), "the batch is longer than its records")
        require(first == self.position + 1, f"a batch from position {first} on follows position {self.position}")
        changed: Chains = {}
        time, links = self.time, [self.store_hash, header[16:24], header[8:12]]
        for position, record in enumerate(records, first):
            require(record.position == position, f"a record has position {record.position}, not {position}")
            require(record.store == self.head.store, f"record {position} is of another store")
            require(record.time > time, f"the time of record {position} is not after the one before it")
            chain = record.tenant, record.partition
            changed[chain] = follow(record, changed.get(chain) or self.chains.get(chain) or (0, ZERO))
            time = record.time
            links.append(record.chain)
        require(sha256(*links) == store_hash, "the store hash is wrong")
        epochs = [self.epoch, *(record.epoch for record in records)]
        if epochs != sorted(epochs):
            raise Refused(f"the partition epoch falls behind position {self.position}")
        self.meet_slots(position, store_hash)
        self.position, self.store_hash, self.time, self.epoch = position, store_hash, time, epochs[-1]
        self.chains.update(changed)
        for record in records:
            if (record.tenant, record.header[4:6]) == (b"_system", b"\4\0"):
                self.earlier = earlier_timelines(record.payload)
        if self.checkpoint and position == self.checkpoint.get("position"):
            root = merkle_root([leaf(*chain, *self.chains[chain]) for chain in sorted(self.chains)])
            self.reached = dict(zip(STATEMENT, (uuid_text(self.head.store), uuid_text(self.head.timeline), position,
                                                store_hash.hex(), root.hex(), len(self.chains))))
        return length
def verify_store(path: Path, checkpoint: Json | None, tenant: str | None) -> Json:
    wal = path / "wal" if (path / "wal").is_dir() else path
    for _ in range(3):  # a closed head that seems to be contradicted is read again: a writer may have opened the log since
        log, damage, file = Log(wal, checkpoint), {}, wal / "head"
        before = file.read_bytes() if file.exists() else b""
        try:
            log.read()
        except Damage as found:
            damage = {"damage": found.args[0]}
        if not damage or not log.closed or file.read_bytes() == before:
            break
    head = log.head and {"position": log.head.position, "store_hash": log.head.store_hash.hex(),
                         "store_id": uuid_text(log.head.store), "timeline": uuid_text(log.head.timeline)}
    result = {"kind": "store", "intact": not damage, "records": (n := log.position - log.base), "first": n and log.base + 1,
              "head": head, "last": log.position, "tenants": len(log.chains), "torn_tail_bytes": log.torn} | damage
    if tenant is not None:
        result["tenant"] = {"name": tenant, "records": sum(log.chains[c][0] for c in log.chains if c[0] == tenant.encode())}
    if not checkpoint:
        return result | {"note": "without a checkpoint, an end that was cut off cleanly cannot be noticed"}
    same = head and checkpoint["intact"] and checkpoint["store"] == head["store_id"] and (
        checkpoint["timeline"] == head["timeline"] or checkpoint["position"] <= log.earlier.get(checkpoint["timeline"], 0))
    if same and checkpoint["position"] <= log.base and not damage:
        reason = f"its position is retired, the log begins at {log.base + 1}: only `symphainy wal verify --archive` can say"
        return result | {"checkpoint": {"agrees": None, "reason": reason}}
    log.reached |= {"timeline": checkpoint["timeline"]} if log.reached and same else {}  # up to there it is the same log
    return result | {"checkpoint": agreement(checkpoint, log.reached)}
# Section "A bundle".
def check_bundle_head(value: Any, key: bytes | None, tenant: str | None) -> Chains:
    """The heads that the tenant's chains are to reach: the signature and the audit paths vouch for them."""
    check_members(value, BUNDLE)
    checkpoint, name, heads, before = value["checkpoint"], value["tenant"].encode(), {}, None
    check_checkpoint(checkpoint, key)
    require(tenant in (None, value["tenant"]), f"it is of tenant {value['tenant']}")
    require(value["chains"], "it has no chain, so it proves nothing")
    for chain in value["chains"]:
        check_members(chain, CHAIN)
        index, partition, seq, end, path = (chain[n] for n in ("index", "partition", "seq", "chain", "path"))
        # A tenant's leaves stand side by side (section "A checkpoint"): a gap is a partition that was left out.
        require(not before or (before[0] + 1 == index and before[1] < partition), "its chains are not in the tree's order")
        require(max(partition, len(name)) < 1 << 16 and seq >= 1, "a partition, a sequence or the tenant is out of bounds")
        require(all(type(step) is str and re.fullmatch(HASH, step) for step in path), "an audit path has no digests")
        root = root_by_path(leaf(name, partition, seq, bytes.fromhex(end)), index, checkpoint["tenants"],
                            [bytes.fromhex(step) for step in path])
        require(root.hex() == checkpoint["merkle_root"], f"the path of partition {partition} does not lead to the root")
        heads[name, partition], before = (seq, bytes.fromhex(end)), (index, partition)
    return heads
def record_of(line: bytes) -> Record:
    """Of `{"record": "…"}` in canonical JSON, whose base64 is the only one for these bytes."""
    found = re.fullmatch(rb'\{"record":"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"\}\n', line)
    require(found, "there is no record in canonical JSON")
    record = parse_record(data := base64.b64decode(found[1]), 0)
    require(base64.b64encode(data) == found[1] and record.end == len(data), "there is something behind the record")
    return record
def check_bundle(first: bytes, file: BinaryIO, key: bytes | None, tenant: str | None, result: Json) -> Json:
    """The bundle's checkpoint. `result` always says how far it was right."""
    result |= {"tenant": None, "records": 0}
    value = parse_line(first)
    heads = check_bundle_head(value, key, tenant)
    result["tenant"], checkpoint, before = value["tenant"], value["checkpoint"], 0
    chains: Chains = dict.fromkeys(heads, (0, ZERO))
    for line in file:
        require(result["records"] < value["records"], "there are more records than it says")
        record = record_of(line)
        chain = record.tenant, record.partition
        require(chain in chains, "the record is of another tenant or partition")
        require(uuid_text(record.store) == checkpoint["store"], "the record is of another store")
        require(before < record.position <= checkpoint["position"], "the position does not ascend, or is beyond the last")
        chains[chain], before = follow(record, chains[chain]), record.position
        result["records"] += 1
    require(result["records"] == value["records"], f"it ends before its {value['records']} records")
    require(chains == heads, "a chain does not end as the checkpoint knows it")
    return checkpoint
def verify_text(path: Path, checkpoint: Json | None, tenant: str | None, key: bytes | None) -> Json:
    with path.open("rb") as file:
        line = file.readline()  # told by content, also a damaged one; a bundle's first line holds a checkpoint as well
        kind = re.search(rb'"symphainy\.(bundle)"', line) or re.search(rb'"symphainy\.(checkpoint)"', line)
        if not kind:
            raise Unreadable("this is no data directory, no bundle and no checkpoint")
        result: Json = {"kind": kind[1].decode(), "intact": False}
        try:
            if result["kind"] == "bundle":
                found = check_bundle(line, file, key, tenant, result)
            else:
                check_checkpoint(found := parse_line(line + file.read()), key)
                result |= {name: found[name] for name in (*STATEMENT, "created_at", "public_key")}
        except Invalid as invalid:
            number = result["records"] + 2 if result.get("tenant") is not None else 1
            return result | {"damage": {"line": number, "reason": str(invalid)}}
    note = {} if key else {"note": "the key in the file proves nothing by itself: give the one you know with --public-key"}
    return result | {"intact": True} | note | ({"checkpoint": agreement(checkpoint, found)} if checkpoint else {})
def verify(path: Path, against: Path | None = None, public_key: str | None = None, tenant: str | None = None) -> Json:
    if public_key and not re.fullmatch("[0-9A-Fa-f]{64}", public_key):
        public_key = Path(public_key).read_text().strip()
    key = bytes.fromhex(public_key) if public_key else None
    if key is not None and len(key) != 32:
        raise Unreadable("a public key has 64 hexadecimal digits")
    checkpoint = verify_text(against, None, None, key) if against else None
    if checkpoint and checkpoint["kind"] != "checkpoint":
        raise Unreadable(f"{against} is no checkpoint")
    return verify_store(path, checkpoint, tenant) if path.is_dir() else verify_text(path, checkpoint, tenant, key)
def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a write-ahead log, a bundle or a checkpoint.")
    parser.add_argument("path", type=Path, help="a data directory, a wal directory, a bundle or a checkpoint")
    parser.add_argument("--against", type=Path, metavar="CHECKPOINT", help="a checkpoint that it must agree with")
    parser.add_argument("--public-key", metavar="HEX_OR_FILE", help="the key that is known to sign checkpoints")
    parser.add_argument("--tenant", help="whose records a bundle must hold; of a log, whose are counted")
    try:
        result = verify(**vars(parser.parse_args()))
    except (Unreadable, OSError, ValueError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, sort_keys=True))
    return {True: 0, None: 2, False: 3}[result["intact"] and result.get("checkpoint", {"agrees": True})["agrees"]]
if __name__ == "__main__":
    sys.exit(main())
