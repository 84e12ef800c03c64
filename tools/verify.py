#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second verifier of the write-ahead log, of checkpoints and of bundles, that shares nothing with the first.

Written from docs/formats/write-ahead-log.md alone ("section" below means one of that page), with Python's standard library
alone, so that a mistake of the program's own verifier is not repeated here. It reads, and never writes.
Exit code: 0 intact, 3 damaged (or it does not agree with the checkpoint), 2 wrong usage or unreadable.
"""
import argparse
import base64
import functools
import hashlib
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO, Iterator, NamedTuple

ZERO = bytes(32)  # stands before the first link of every chain
CHUNK = 1 << 20   # how much is in memory at a time where nothing has to be there as a whole
BATCH = struct.Struct("<4sIIIQ32s")
RECORD = struct.Struct("<IHHHHHHIQQQqQ16s16s")
SLOT = struct.Struct("<8sQ16s16sQ32sII")
SEGMENT = struct.Struct("<8sHHI16s16sQ32s36sI")
FIRST_BATCH, SLOTS = 12288, (4096, 8192)
Chains = dict[tuple[bytes, int], tuple[int, bytes]]  # (tenant, partition) -> (tenant sequence, chain hash)


class Unreadable(Exception):
    """Nothing here can be verified: exit code 2."""


class Invalid(Exception):
    """A batch, a record or a text that does not pass; where it stands decides what that means."""


class Damage(Exception):
    """Corruption in the sense of section "Opening"."""

    def __init__(self, file: Path, offset: int, position: int, reason: str) -> None:
        super().__init__(reason)
        self.where = {"segment": str(file), "offset": offset, "position": position, "reason": reason}


def require(condition: object, reason: str) -> None:
    if not condition:
        raise Invalid(reason)


def sha256(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


# CRC-32C, four bytes at a step: each half of the register goes through a table of its own.
@functools.cache
def crc_tables() -> tuple[list[int], list[int]]:
    byte = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        byte.append(value)
    once = [byte[v & 255] ^ v >> 8 for v in range(1 << 16)]
    two = [byte[c & 255] ^ c >> 8 for c in once]
    return two, [two[c & 0xFFFF] ^ c >> 16 for c in two]


def crc32c(data: bytes, crc: int = 0) -> int:
    high, low = crc_tables()
    crc ^= 0xFFFFFFFF
    whole = len(data) & ~3
    for start in range(0, whole, CHUNK):
        for word in struct.unpack_from(f"<{min(CHUNK, whole - start) // 4}I", data, start):
            crc ^= word
            crc = low[crc & 0xFFFF] ^ high[crc >> 16]
    for value in data[whole:]:
        crc ^= value
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# Ed25519 (RFC 8032, 5.1.7) on points (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    s, t = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, t - s, t + s, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def point_of(encoded: bytes) -> Point | None:
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Without the cofactor, as RFC 8032 allows: [S]B - [k]A must be R to the byte."""
    key, scalar = point_of(public), int.from_bytes(signature[32:], "little")
    if key is None or scalar >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    x, y, z, _ = add(times(scalar, BASE), times(k, (-key[0] % P, key[1], 1, -key[3] % P)))
    inverse = pow(z, -1, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little") == signature[:32]


# The Merkle tree of RFC 6962, 2.1 (section "A checkpoint").
def leaf(tenant: bytes, partition: int, seq: int, chain: bytes) -> bytes:
    return sha256(b"\0", struct.pack("<H", len(tenant)), tenant, struct.pack("<HQ", partition, seq), chain)


def left_size(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def merkle_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = left_size(len(leaves))
    return sha256(b"\1", merkle_root(leaves[:k]), merkle_root(leaves[k:]))


def root_by_path(below: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path (RFC 6962, 2.1.1) leads to; the topmost sibling stands last."""
    if size == 1:
        require(not path, "an audit path is too long for the tree")
        return below
    require(path, "an audit path is too short for the tree")
    k = left_size(size)
    if index < k:
        return sha256(b"\1", root_by_path(below, index, k, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_by_path(below, index - k, size - k, path[:-1]))


# Canonical JSON (RFC 8785) of the value types that occur.
def canonical(value: Any) -> str:
    if type(value) is dict:
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))  # by UTF-16 code units
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if type(value) is list:
        return "[" + ",".join(map(canonical, value)) + "]"
    if type(value) is str:
        return json.dumps(value, ensure_ascii=False)  # has exactly the escapes of RFC 8785, 3.2.2.2
    require(type(value) is int and abs(value) < 1 << 53, "a value that is no string, integer, array or object")
    return str(value)


def parse_line(line: bytes) -> Any:
    """The value of a line that is canonical to the byte; this also refuses members that stand there twice."""
    try:
        value = json.loads(line.decode())
        same = canonical(value).encode() + b"\n" == line
    except (ValueError, RecursionError) as error:
        raise Invalid(f"it is no JSON: {error}") from error
    require(same, "it is no line of canonical JSON and a line feed")
    return value


def hexadecimal(size: int) -> str:
    return f"[0-9a-f]{{{2 * size}}}"


UUID = "-".join(map(hexadecimal, (4, 2, 2, 2, 6)))
CHECKPOINT = {"created_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "format": 1, "kind": "symphainy.checkpoint",
              "merkle_root": hexadecimal(32), "position": int, "public_key": hexadecimal(32), "signature": hexadecimal(64),
              "store": UUID, "store_hash": hexadecimal(32), "tenants": int, "timeline": UUID}
BUNDLE = {"checkpoint": dict, "chains": list, "format": 1, "kind": "symphainy.bundle", "records": int, "tenant": str}
CHAIN = {"chain": hexadecimal(32), "index": int, "partition": int, "path": list, "seq": int}


def check_members(value: Any, members: dict[str, Any]) -> None:
    """Exactly these members: what is not in the table would be in no signature and in no hash."""
    require(type(value) is dict and set(value) == set(members), f"its members are not {', '.join(members)}")
    for name, wanted in members.items():
        found = value[name]
        if isinstance(wanted, str):
            right = type(found) is str and re.fullmatch(wanted, found, re.ASCII)
        elif isinstance(wanted, type):
            right = type(found) is wanted and (wanted is not int or found >= 0)
        else:
            right = type(found) is int and found == wanted
        require(right, f"its member {name} is not what the format says")


def check_checkpoint(value: Any, key: bytes | None) -> None:
    check_members(value, CHECKPOINT)
    require(value["position"] >= 1 and value["tenants"] >= 1, "its position or its number of tenants is 0")
    require(key in (None, bytes.fromhex(value["public_key"])), "it is signed with another key than the given one")
    message = canonical({name: v for name, v in value.items() if name != "signature"}).encode()
    require(signed(bytes.fromhex(value["public_key"]), message, bytes.fromhex(value["signature"])),
            "its signature is not valid")


def uuid_text(raw: bytes) -> str:
    return "-".join(raw.hex()[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


# Section "A record".
class Record(NamedTuple):
    end: int
    partition: int
    position: int
    seq: int
    time: int
    store: bytes
    tenant: bytes
    header: memoryview
    salt: memoryview
    payload: memoryview
    digest: bytes
    chain: bytes


def parse_record(data: bytes, at: int) -> Record:
    """The record at `at`; its lengths must agree with each other and with what is there."""
    view = memoryview(data)
    require(at + 176 <= len(data), "a record is cut short")
    length, form, _, _, _, part, t, _, _, position, seq, time, _, store, _ = RECORD.unpack_from(data, at)
    end, header_end = at + 4 + length, at + 92 + t
    require(form == 1, f"a record has format {form}")
    require(end <= len(data) and header_end + 84 <= end, "a record's length is wrong")
    size, = struct.unpack_from("<I", data, header_end + 16)
    require(header_end + 84 + size == end, "a record's lengths do not agree")
    return Record(end, part, position, seq, time, store, data[at + 92:header_end], view[at + 4:header_end],
                  view[header_end:header_end + 16], view[header_end + 20:end - 64], data[end - 64:end - 32], data[end - 32:end])


def follow(record: Record, before: tuple[int, bytes]) -> tuple[int, bytes]:
    """The head of the record's chain after it, when it is the next link and its digests are right."""
    require(record.seq == before[0] + 1, f"tenant sequence {record.seq} follows {before[0]}")
    require(sha256(record.salt, record.payload) == record.digest, f"the content digest of record {record.position} is wrong")
    require(sha256(before[1], record.header, record.digest) == record.chain, f"the chain hash of {record.position} is wrong")
    return record.seq, record.chain


# Section "The durable head".
class Slot(NamedTuple):
    generation: int
    store: bytes
    timeline: bytes
    position: int
    store_hash: bytes
    closed: bool


def parse_slot(raw: bytes) -> Slot | None:
    magic, generation, store, timeline, position, store_hash, flags, crc = SLOT.unpack(raw.ljust(SLOT.size, b"\0"))
    valid = magic == b"SYMPHEAD" and crc == crc32c(raw[:92])
    return Slot(generation, store, timeline, position, store_hash, bool(flags & 1)) if valid else None


def slots_in(page: bytes, offsets: tuple[int, int]) -> list[Slot]:
    return [slot for at in offsets if (slot := parse_slot(page[at:at + SLOT.size]))]


def first_page(path: Path) -> bytes:
    """All that stands before the batches, and, cut off or not, as long as it should be: behind the end there are zeros."""
    with path.open("rb") as file:
        return file.read(FIRST_BATCH).ljust(FIRST_BATCH, b"\0")


def not_zero(file: BinaryIO, offset: int) -> tuple[int, int]:
    """Where the bytes from `offset` on that are not zero begin and end; (offset, offset) when there are none."""
    first = last = at = offset
    file.seek(offset)
    while chunk := file.read(CHUNK):
        if kept := chunk.rstrip(b"\0"):
            first = first if last > offset else at + len(chunk) - len(chunk.lstrip(b"\0"))
            last = at + len(kept)
        at += len(chunk)
    return first, last


class Log:
    """One reading of a wal directory from its first byte to its last (section "Opening")."""

    def __init__(self, wal: Path, checkpoint: dict[str, Any] | None) -> None:
        self.wal, self.checkpoint = wal, checkpoint
        self.position, self.store_hash, self.time, self.torn = 0, ZERO, -(1 << 63) - 1, 0
        self.chains: Chains = {}
        self.head: Slot | None = None
        self.reached: tuple[bytes, bytes, int] | None = None  # at the checkpoint's position: store hash, root, leaves

    def read(self) -> None:
        slots = self.read_heads()
        self.expected = sorted({(slot.position, slot.store_hash) for slot in slots})  # what the slots know, in order
        self.next_expected = 0
        self.meet_slots(self.wal / "head", 0)
        for path in self.segments:
            self.read_segment(path, path == self.segments[-1])
        if self.position < self.head.position:  # here only without any segment
            raise Damage(self.wal, 0, 1, f"the log ends before position {self.head.position} of its head")

    def read_heads(self) -> list[Slot]:
        """Step 1. The head is read before the names, so that a writer at work is never behind what it says."""
        head = self.wal / "head"
        page = head.read_bytes() if head.exists() else None
        self.segments = sorted(p for p in self.wal.iterdir() if re.fullmatch(r"[0-9]{20}\.seg", p.name))
        if page is None and not self.segments:
            raise Unreadable(f"there is no log in {self.wal}")
        slots = slots_in(page or b"", (0, 4096)) + (slots_in(first_page(self.segments[-1]), SLOTS) if self.segments else [])
        self.head = max(slots, default=None)  # the highest generation: it stands first in a slot
        if page is None or self.head is None:
            raise Damage(head, 0, 1, "there is no head" if page is None else "no slot of the head is valid")
        for path in self.segments[:-1]:  # those of earlier segments do not count, but what they know must be so
            slots += slots_in(first_page(path), SLOTS)
        if any(slot[1:3] != self.head[1:3] for slot in slots):
            raise Damage(head, 0, 1, "a slot of the head is of another store or timeline")
        return slots

    def read_segment(self, path: Path, last: bool) -> None:
        page = first_page(path)
        self.check_header(path, page)
        self.check_page(path, page, torn_slots=last and not self.head.closed)
        with path.open("rb") as file:
            size = file.seek(0, 2)
            offset, reason = FIRST_BATCH, None
            file.seek(offset)
            while any(header := file.read(BATCH.size)):  # zeros instead of a header, or the file's end, are a clean end
                try:
                    length = self.read_batch(file, header, size - offset)
                except Invalid as invalid:
                    reason = str(invalid)
                    break
                self.meet_slots(path, offset)
                offset += length
            first, end = not_zero(file, offset)
        if reason and (not last or self.position < self.head.position):
            raise Damage(path, offset, self.position + 1, reason)
        if end > offset and not last:
            raise Damage(path, first, self.position + 1, "bytes behind the last batch are not zero")
        if last:
            self.check_end(path, offset, first, end)

    def check_end(self, path: Path, offset: int, first: int, end: int) -> None:
        if self.position < self.head.position:
            raise Damage(path, offset, self.position + 1, f"the log ends before position {self.head.position} of its head")
        if self.head.closed and (end > offset or self.position > self.head.position):
            raise Damage(path, first, self.head.position + 1, "there is something behind the end of a closed log")
        self.torn = end - offset

    def check_header(self, path: Path, page: bytes) -> None:
        """Step 2, and section "A segment"."""
        magic, form, zero, start, store, timeline, first, before, zeros, crc = SEGMENT.unpack_from(page)
        for right, reason in (
                (magic == b"SYMPHWAL" and crc == crc32c(page[:124]), "the segment's header is not valid"),
                (form == 1 and start == FIRST_BATCH, f"the segment has format {form} and batches from {start} on"),
                (not zero and not any(zeros), "reserved bytes of the segment's header are not zero"),
                ((store, timeline) == self.head[1:3], "the segment is of another store or timeline than the head"),
                (first == int(path.stem), "the segment's first position is not the one of its name"),
                (first == self.position + 1 and before == self.store_hash, "the segment does not continue what is before it")):
            if not right:
                raise Damage(path, 0, self.position + 1, reason)

    def check_page(self, path: Path, page: bytes, torn_slots: bool) -> None:
        for at in SLOTS:
            raw = page[at:at + SLOT.size]
            if any(raw) and parse_slot(raw) is None and not torn_slots:
                raise Damage(path, at, self.position + 1, "a slot of the head in this segment is not valid")
        for start, end in ((SEGMENT.size, 4096), (4096 + SLOT.size, 8192), (8192 + SLOT.size, FIRST_BATCH)):
            if rest := page[start:end].lstrip(b"\0"):
                raise Damage(path, end - len(rest), self.position + 1, "bytes before the first batch are not zero")

    def meet_slots(self, path: Path, offset: int) -> None:
        """A batch that holds a valid slot's position ends there, with that slot's store hash."""
        while self.next_expected < len(self.expected) and self.expected[self.next_expected][0] <= self.position:
            if self.expected[self.next_expected] != (self.position, self.store_hash):
                raise Damage(path, offset, self.expected[self.next_expected][0], "a batch is not the one that a head's slot knows")
            self.next_expected += 1

    def read_batch(self, file: BinaryIO, header: bytes, room: int) -> int:
        """Step 3: all checks of a batch. Nothing changes here before all of it is right."""
        require(len(header) == BATCH.size, "a batch's header is cut short")
        magic, length, count, crc, first, store_hash = BATCH.unpack(header)
        require(magic == b"SYB1", "there is no batch, and no zeros")
        require(BATCH.size < length <= room and count >= 1, "the batch's length or count is wrong")
        body = file.read(length - BATCH.size)
        require(crc32c(body, crc32c(header[:12] + bytes(4) + header[16:])) == crc, "the batch's CRC-32C is wrong")
        require(first == self.position + 1, f"a batch from position {first} on follows position {self.position}")
        changed: Chains = {}
        end, position, time, links = 0, self.position, self.time, [self.store_hash, header[16:24], header[8:12]]
        for _ in range(count):
            record = parse_record(body, end)
            end, position = record.end, position + 1
            require(record.position == position, f"a record has position {record.position}, not {position}")
            require(record.store == self.head.store, f"record {position} is of another store")
            require(record.time > time, f"the time of record {position} is not later than the one before")
            key = record.tenant, record.partition
            changed[key] = follow(record, changed.get(key) or self.chains.get(key) or (0, ZERO))
            time = record.time
            links.append(record.chain)
        require(end == len(body), "the batch is longer than its records")
        require(sha256(*links) == store_hash, "the store hash is wrong")
        self.position, self.store_hash, self.time = position, store_hash, time
        self.chains.update(changed)
        if self.checkpoint and self.position == self.checkpoint["position"]:
            leaves = [leaf(*chain, *self.chains[chain]) for chain in sorted(self.chains)]
            self.reached = store_hash, merkle_root(leaves), len(leaves)
        return length

    def agreement(self) -> dict[str, Any]:
        """Section "A checkpoint": when a log agrees with one."""
        wanted = self.checkpoint
        for wrong, reason in (
                (self.head is None or wanted["store"] != uuid_text(self.head.store), "it is of another store"),
                (self.head and wanted["timeline"] != uuid_text(self.head.timeline), "it is of another timeline"),
                (self.position < wanted["position"], f"the log ends before position {wanted['position']}"),
                (self.reached is None, f"no batch ends at position {wanted['position']}"),
                (self.reached and self.reached[0].hex() != wanted["store_hash"], "the store hash is another one"),
                (self.reached and self.reached[1].hex() != wanted["merkle_root"], "the Merkle root is another one"),
                (self.reached and self.reached[2] != wanted["tenants"], "the number of chains is another one")):
            if wrong:
                return {"agrees": False, "reason": reason}
        return {"agrees": True}


def verify_store(path: Path, checkpoint: dict[str, Any] | None, tenant: str | None) -> dict[str, Any]:
    wal = path / "wal" if (path / "wal").is_dir() else path
    for _ in range(3):  # a closed head that seems to be contradicted is read again: a writer may have opened the log since
        log, damage = Log(wal, checkpoint), None
        before = (wal / "head").read_bytes() if (wal / "head").exists() else b""
        try:
            log.read()
        except Damage as found:
            damage = found.where
        if not (damage and log.head and log.head.closed) or (wal / "head").read_bytes() == before:
            break
    head = log.head and {"position": log.head.position, "store_hash": log.head.store_hash.hex(),
                         "store_id": uuid_text(log.head.store), "timeline": uuid_text(log.head.timeline)}
    result = {"kind": "store", "intact": damage is None, "records": log.position, "first": min(1, log.position),
              "last": log.position, "tenants": len(log.chains), "torn_tail_bytes": log.torn, "head": head}
    if tenant is not None:
        result["tenant"] = {"name": tenant, "records": sum(c[0] for k, c in log.chains.items() if k[0] == tenant.encode())}
    if damage:
        result["damage"] = damage
    if checkpoint:
        return result | {"checkpoint": log.agreement()}
    return result | {"note": "without a checkpoint, an end that was cut off cleanly cannot be noticed"}


# Section "A bundle".
def check_bundle_head(value: Any, key: bytes | None, tenant: str | None) -> Chains:
    """The heads that the tenant's chains must reach: the signature and the audit paths vouch for them."""
    check_members(value, BUNDLE)
    checkpoint = value["checkpoint"]
    check_checkpoint(checkpoint, key)
    require(tenant in (None, value["tenant"]), f"the bundle is of tenant {value['tenant']}")
    require(value["chains"], "there is no chain, so that nothing is proven")
    heads: Chains = {}
    index, partition, name = None, -1, value["tenant"].encode()
    for chain in value["chains"]:
        check_members(chain, CHAIN)
        require(partition < chain["partition"] < 1 << 16 and 1 <= chain["seq"], "the partitions do not ascend, or one is empty")
        # A tenant's leaves stand side by side: a gap would be a partition that is left out.
        require(index in (None, chain["index"] - 1) and chain["index"] < checkpoint["tenants"], "a leaf's index is wrong")
        index, partition, end = chain["index"], chain["partition"], bytes.fromhex(chain["chain"])
        require(all(type(p) is str and re.fullmatch(hexadecimal(32), p) for p in chain["path"]), "an audit path is no digests")
        root = root_by_path(leaf(name, partition, chain["seq"], end), index, checkpoint["tenants"],
                            [bytes.fromhex(p) for p in chain["path"]])
        require(root.hex() == checkpoint["merkle_root"], f"the path of partition {partition} does not lead to the root")
        heads[name, partition] = chain["seq"], end
    return heads


def record_of_line(line: bytes) -> Record:
    found = re.fullmatch(rb'\{"record":"([A-Za-z0-9+/]*={0,2})"\}\n', line)
    require(found, "it is no record")
    try:
        data = base64.b64decode(found[1], validate=True)
    except ValueError as error:
        raise Invalid(f"it is no base64: {error}") from error
    require(base64.b64encode(data) == found[1], "its base64 is not the canonical one")
    record = parse_record(data, 0)
    require(record.end == len(data), "there is something behind the record")
    return record


def check_bundle_records(lines: Iterator[bytes], value: dict[str, Any], heads: Chains) -> Iterator[None]:
    """Yields at each line that is right, so that the caller knows which one is not."""
    chains: Chains = dict.fromkeys(heads, (0, ZERO))
    position, store, most = 0, value["checkpoint"]["store"], value["checkpoint"]["position"]
    for _ in range(value["records"]):
        line = next(lines, b"")
        require(line, f"the bundle ends before its {value['records']} records")
        record = record_of_line(line)
        require((record.tenant, record.partition) in chains, "the record is of another tenant or partition")
        require(uuid_text(record.store) == store, "the record is of another store")
        require(position < record.position <= most, "the positions do not ascend, or go beyond the checkpoint's")
        position = record.position
        chains[record.tenant, record.partition] = follow(record, chains[record.tenant, record.partition])
        yield
    require(next(lines, None) is None, "there are more lines than records")
    require(chains == heads, "a chain does not reach its head at the checkpoint")


def verify_bundle(file: BinaryIO, key: bytes | None, tenant: str | None, against: dict[str, Any] | None) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": "bundle", "intact": False, "tenant": None, "records": 0}
    try:
        value = parse_line(file.readline())
        heads = check_bundle_head(value, key, tenant)
        result["tenant"] = value["tenant"]
        for _ in check_bundle_records(file, value, heads):
            result["records"] += 1
        result["intact"] = True
    except Invalid as invalid:
        line = result["records"] + (1 if result["tenant"] is None else 2)
        return result | {"damage": {"line": line, "reason": str(invalid)}}
    if against:  # two statements about one log: they can only be held against each other at the same position
        differ = [n for n in ("store", "timeline", "position", "store_hash", "merkle_root", "tenants")
                  if against[n] != value["checkpoint"][n]]
        result["checkpoint"] = {"agrees": not differ} | ({"reason": "another " + ", ".join(differ)} if differ else {})
    return result


def verify_checkpoint(data: bytes, key: bytes | None) -> dict[str, Any]:
    try:
        value = parse_line(data)
        check_checkpoint(value, key)
    except Invalid as invalid:
        return {"kind": "checkpoint", "intact": False, "damage": {"line": 1, "reason": str(invalid)}}
    note = {} if key else {"note": "the key in the file proves nothing by itself: give the one you know as --public-key"}
    return {name: value[name] for name in value if name not in ("format", "signature")} | {"kind": "checkpoint",
                                                                                            "intact": True} | note


def kind_of(line: bytes) -> str:
    """By content; also when it is damaged. A bundle's first line holds a checkpoint, so the bundle is looked for first."""
    for kind in ("bundle", "checkpoint"):
        if f'"symphainy.{kind}"'.encode() in line:
            return kind
    raise Unreadable("it is no data directory, no checkpoint and no bundle")


def read_key(text: str) -> bytes:
    """64 hexadecimal digits, or a file that holds them or the 32 bytes."""
    raw = text.encode() if re.fullmatch("[0-9A-Fa-f]{64}", text) else Path(text).read_bytes()
    if re.fullmatch(rb"[0-9A-Fa-f]{64}\s*", raw):
        return bytes.fromhex(raw.decode())
    if len(raw) != 32:
        raise Unreadable(f"{text} is no Ed25519 public key")
    return raw


def read_checkpoint(path: Path, key: bytes | None) -> dict[str, Any]:
    try:
        value = parse_line(path.read_bytes())
        check_checkpoint(value, key)
    except Invalid as invalid:
        raise Unreadable(f"the checkpoint {path} is not intact: {invalid}") from invalid
    return value


def verify(path: Path, against: Path | None = None, public_key: str | None = None, tenant: str | None = None) -> dict[str, Any]:
    key = read_key(public_key) if public_key else None
    checkpoint = read_checkpoint(against, key) if against else None
    if path.is_dir():
        return verify_store(path, checkpoint, tenant)
    with path.open("rb") as file:
        kind = kind_of(file.readline())
        file.seek(0)
        if kind == "bundle":
            return verify_bundle(file, key, tenant, checkpoint)
        if checkpoint or tenant is not None:
            raise Unreadable("--against and --tenant go with a data directory or a bundle")
        return verify_checkpoint(file.read(), key)


def main() -> int:
    parser = argparse.ArgumentParser(description="Verifies a write-ahead log, a bundle or a checkpoint.")
    parser.add_argument("path", type=Path, help="a data directory, a wal directory, a bundle or a checkpoint")
    parser.add_argument("--against", type=Path, metavar="CHECKPOINT", help="a checkpoint that the log must agree with")
    parser.add_argument("--public-key", metavar="HEX_OR_FILE", help="the key that signatures must be made with")
    parser.add_argument("--tenant", help="whose records: of a bundle it must be this tenant's")
    arguments = parser.parse_args()
    try:
        result = verify(arguments.path, arguments.against, arguments.public_key, arguments.tenant)
    except (Unreadable, OSError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, sort_keys=True, ensure_ascii=False))
    return 0 if result["intact"] and result.get("checkpoint", {"agrees": True})["agrees"] else 3


if __name__ == "__main__":
    sys.exit(main())
