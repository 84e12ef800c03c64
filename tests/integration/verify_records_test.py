#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every record and every batch of a stored log is edited, deleted, doubled, swapped with the next, cut off and rolled back,
with as much made right again behind it as a forger can; both verifiers notice each of them, or, where only a checkpoint
can tell, both say "intact" without it and "no" with it.   verify_records_test.py SYMPHAINY
"""
import copy
import struct
import subprocess
import sys

sys.dont_write_bytecode = True  # of made_logs
from made_logs import Case, Writer, ZERO, checkpoint_of, crc32c, line, log_of_the_program, main, sha256

FIRST_BATCH = 12288
# Of a record, by offset: docs/formats/write-ahead-log.md, "A record"; the position and the lengths are apart.
FIELDS = {"flags": 6, "type": 8, "type version": 10, "partition": 12, "attempt": 16, "epoch": 20, "tenant sequence": 36,
          "time": 44, "key id": 52, "store": 60, "execution": 76, "tenant": 92}


class Record:
    """The bytes of one, and what of them a forger makes right again."""

    def __init__(self, data):
        self.data = bytearray(data)

    @property
    def chain_name(self):
        return bytes(self.data[92:92 + self.tenant_bytes]), bytes(self.data[12:14])

    @property
    def tenant_bytes(self):
        return struct.unpack_from("<H", self.data, 14)[0]

    def number(self, position, sequence, time):
        struct.pack_into("<QQq", self.data, 28, position, sequence, max(time, self.time))

    @property
    def time(self):
        return struct.unpack_from("<q", self.data, 44)[0]

    @property
    def chain(self):
        return bytes(self.data[-32:])

    def digest_again(self):
        salt = 92 + self.tenant_bytes
        self.data[-64:-32] = sha256(self.data[salt:salt + 16], self.data[salt + 20:-64])

    def link_again(self, before):
        self.data[-32:] = sha256(before, self.data[4:92 + self.tenant_bytes], self.data[-64:-32])


class Batch:
    def __init__(self, first, store_hash, records):
        self.first, self.store_hash, self.records = first, store_hash, records

    def link_again(self, before):
        self.store_hash = sha256(before, struct.pack("<QI", self.first, len(self.records)), *(r.chain for r in self.records))

    def encoded(self):
        """Its length, its count and its CRC are always right."""
        body = struct.pack("<Q", self.first) + self.store_hash + b"".join(record.data for record in self.records)
        head = struct.pack("<4sII", b"SYB1", 16 + len(body), len(self.records))
        return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body


class Log:
    """A log, taken apart."""

    def __init__(self, files):
        self.head, self.segments, self.names = files["head"], [], []
        for name in sorted(name for name in files if name.endswith(".seg")):
            data, at, batches = files[name], FIRST_BATCH, []
            while data[at:at + 4] == b"SYB1":
                length, first, store_hash = *struct.unpack_from("<I", data, at + 4), *struct.unpack_from("<Q32s", data, at + 16)
                batches.append(Batch(first, store_hash, [*self.records_in(data[at + 56:at + length])]))
                at += length
            self.segments.append((bytearray(data[:FIRST_BATCH]), batches))
            self.names.append(name)

    @staticmethod
    def records_in(data):
        while data:
            end = 4 + int.from_bytes(data[:4], "little")
            yield Record(data[:end])
            data = data[end:]

    def batches(self):
        """(the list that it stands in, its index in it), in the order of the log."""
        return [(batches, i) for _, batches in self.segments for i in range(len(batches))]

    def records(self):
        return [(batches[i].records, j) for batches, i in self.batches() for j in range(len(batches[i].records))]

    def without_empty_batches(self):
        for _, batches in self.segments:
            batches[:] = [batch for batch in batches if batch.records]
        return self

    def numbered_again(self):
        """Positions, sequences, times, names and what headers and slots know of them; no hash of a record or a batch."""
        position, time, sequences, store_hash, names = 0, 0, {}, ZERO, []
        self.segments = [segment for segment in self.segments if segment[1]] or self.segments[:1]
        for page, batches in self.segments:
            struct.pack_into("<Q32s", page, 48, position + 1, store_hash)
            struct.pack_into("<I", page, 124, crc32c(page[:124]))
            names.append(f"{position + 1:020}.seg")
            for batch in batches:
                batch.first = position + 1
                for record in batch.records:
                    position, name = position + 1, record.chain_name
                    sequences[name] = sequences.get(name, 0) + 1
                    record.number(position, sequences[name], time + 1)
                    time = record.time
                store_hash = batch.store_hash
        self.names = names
        slots = [self.head[at:at + 96] for at in (0, 4096) if any(self.head[at:at + 96])]
        newest = bytearray(max(slots, key=lambda slot: slot[8:16][::-1]))
        struct.pack_into("<Q32s", newest, 48, position, store_hash)
        self.head = bytes(newest[:92] + struct.pack("<I", crc32c(newest[:92]))).ljust(8192, b"\0")
        for page, _ in self.segments:  # what they know of is not there any more
            page[4096:4192] = page[8192:8288] = bytes(96)
        return self

    def linked_again(self, chains=True, store=True):
        """What only hashes say: the tenants' chains, the store's."""
        heads, before = {}, ZERO
        for batches, i in self.batches():
            for record in batches[i].records:
                if chains:
                    record.digest_again()
                    record.link_again(heads.get(record.chain_name, ZERO))
                    heads[record.chain_name] = record.chain
            if store:
                batches[i].link_again(before)
            before = batches[i].store_hash
        return self

    def files(self, sizes=None):
        """With zeros up to each file's size as it was, or a few."""
        made = {"head": self.head}
        for name, (page, batches) in zip(self.names, self.segments):
            data = bytes(page) + b"".join(batch.encoded() for batch in batches)
            made[name] = data.ljust((sizes or {}).get(name, 0) or len(data) + 600, b"\0")
        return made


    def everything_again(self):
        """So that it is a log like any other, but another one."""
        return self.numbered_again().linked_again().numbered_again()


def small_log(until=99):
    """Three segments, three tenants, one of them in two partitions, batches of one record and of several."""
    batches = [[{}, {"tenant": b"beta"}, {}], [{"payload": b'{"n":2}'}], [{"partition": 3}, {}],
               [{"tenant": b"_system"}], [{"tenant": b"beta"}, {"partition": 3}, {}],
               [{}, {"tenant": b"beta"}], [{}, {}]]
    made = Writer()
    for number, records in enumerate(batches[:until]):
        if number in (0, 3, 5):
            made.segment()
        made.batch(*records)
    return made


def small_files(closed=1):
    made = small_log()
    return made.files(made.slot(closed=closed))


def delete(found, i):
    del found[i]


def double(found, i):
    found.insert(i, copy.deepcopy(found[i]))


def changed(log, kind):
    """{label: log} for each of its records or batches (`kind`): deleted, doubled, swapped with the next, the last left."""
    cases, count = {}, len(getattr(log, kind)())
    for number in range(count):
        for name, change in {"deleted": delete, "doubled": double}.items():
            made = copy.deepcopy(log)
            change(*getattr(made, kind)()[number])
            cases[f"{kind} {number} {name}"] = made
        if number + 1 < count:
            made = copy.deepcopy(log)
            (a, i), (b, j) = getattr(made, kind)()[number:number + 2]
            a[i], b[j] = b[j], a[i]
            cases[f"{kind} {number} swapped with the next"] = made
        if number > 0:
            made = copy.deepcopy(log)
            for found, i in getattr(made, kind)()[:number - 1:-1]:
                del found[i]
            cases[f"{kind} from {number} on cut off"] = made
    return {label: made.without_empty_batches() for label, made in cases.items()}


def changed_bytes(files):
    """{label: files} for each record that is deleted, doubled or swapped with the next as a hex editor does it."""
    cases = {}
    for name in sorted(n for n in files if n.endswith(".seg")):
        spans, at, data = [], FIRST_BATCH, files[name]
        for batch in Log({"head": b"", name: data}).segments[0][1]:
            at += 56
            for record in batch.records:
                spans.append((at, at := at + len(record.data)))
        for number, (start, end) in enumerate(spans):
            rest = {"deleted": data[:start] + data[end:], "deleted, zeros behind": data[:start] + data[end:] + bytes(end - start),
                    "zeros instead": data[:start] + bytes(end - start) + data[end:], "doubled": data[:end] + data[start:],
                    "doubled, the length kept": (data[:end] + data[start:])[:len(data)],
                    "zeros from here on": data[:start] + bytes(len(data) - start), "cut off": data[:start]}
            for _, after in spans[number + 1:number + 2]:
                middle = spans[number + 1][0]
                rest["swapped"] = data[:start] + data[middle:after] + data[end:middle] + data[start:end] + data[after:]
            cases |= {f"record {number} of {name} {label}": files | {name: made} for label, made in rest.items()}
    return cases


def has_all_of(made, files):
    """The records of `files` are in `made`, byte for byte, whatever follows them."""
    return all(made.get(name, b"")[FIRST_BATCH:].startswith(b"".join(batch.encoded() for batch in batches))
               for log in [Log(files)] for name, (_, batches) in zip(log.names, log.segments))


class EveryRecord(Case):
    def all_noticed(self, cases, against=None):
        self.hold_together(cases, against)
        self.assertEqual([label for label, code in self.told.items() if code != 3], [])

    def none_noticed(self, cases, against=None):
        self.hold_together(cases, against)
        self.assertEqual([label for label, code in self.told.items() if code != 0], [])

    def forged(self, cases, files, checkpoint):
        """Logs like any other: the checkpoint tells, unless everything is there and the log only went on."""
        self.none_noticed(cases)
        went_on = {label: made for label, made in cases.items() if has_all_of(made, files)}
        self.all_noticed({label: made for label, made in cases.items() if label not in went_on}, checkpoint)
        self.none_noticed(went_on, checkpoint)

    def judge(self, files, checkpoint, closed=True):
        """Every change, with more and more made right again behind it; in the end only the checkpoint can tell."""
        log, noticed, right = Log(files), changed_bytes(files), {}
        for label, made in (changed(log, "records") | changed(log, "batches")).items():
            noticed[label] = made.files()
            noticed[f"{label}, the length kept"] = made.files({name: len(data) for name, data in files.items()})
            whole = copy.deepcopy(made).everything_again().files()
            right[label] = whole
            for what, links in {"no hash": (False, False), "the tenants' chains": (True, False),
                                "the store's chain": (False, True)}.items():
                again = copy.deepcopy(made).numbered_again().linked_again(*links).numbered_again().files()
                if again != whole:  # else a beginning of the log is left, and nothing was wrong with it
                    noticed[f"{label}, numbered again, {what}"] = again
        # Behind the end of a log that nobody closed it is a torn tail, and nothing is wrong.
        last = max(name for name in files if name != "head")
        tails = {} if closed else {label: made for label, made in noticed.items()
                                   if has_all_of(made, files) and made | {last: files[last]} == files}
        self.assertEqual(len(tails), 0 if closed else 4)
        self.all_noticed({label: made for label, made in noticed.items() if label not in tails})
        self.none_noticed(tails, checkpoint)
        self.forged(right, files, checkpoint)

    def checkpoint(self, made, name="checkpoint.json"):
        path = self.work / name
        path.write_bytes(line(checkpoint_of(made)[0]))
        return path

    def test_taken_apart_and_put_together_it_is_the_same(self):
        files, real = small_files(), log_of_the_program(self.work, 3)
        self.assertEqual(Log(files).files(), files)
        self.assertEqual(Log(real).files({name: len(data) for name, data in real.items()}), real)
        self.none_noticed({"made": Log(files).everything_again().files(), "real": Log(real).everything_again().files()})

    def test_edited(self):
        for closed in (1, 0):
            log, cases = Log(small_files(closed)), {}
            for number, (found, i) in enumerate(log.records()):
                size, salt = len(found[i].data), 92 + found[i].tenant_bytes
                fields = FIELDS | {"position": 28, "salt": salt, "payload": salt + 25, "digest": size - 64, "chain": size - 32}
                for field, at in fields.items():
                    edited = copy.deepcopy(log)
                    records, j = edited.records()[number]
                    records[j].data[at] ^= 1
                    cases[f"the {field} of record {number}"] = edited.files()
            for number in range(len(log.batches())):
                edited = copy.deepcopy(log)
                batches, i = edited.batches()[number]
                batches[i].store_hash = sha256(batches[i].store_hash)
                cases[f"the store hash of batch {number}"] = edited.files()
            self.all_noticed(cases)

    def test_edited_and_hashes_made_right_again(self):
        noticed, right, log = {}, {}, Log(small_files())
        for number, (found, i) in enumerate(log.records()):
            for field, at in {"type": 8, "execution": 76, "payload": 92 + found[i].tenant_bytes + 25}.items():
                edited, label = copy.deepcopy(log), f"the {field} of record {number}"
                records, j = edited.records()[number]
                records[j].data[at] ^= 1
                records[j].digest_again()
                noticed[f"{label}, its digest"] = edited.files()
                noticed[f"{label}, the tenants' chains"] = copy.deepcopy(edited).linked_again(store=False).files()
                noticed[f"{label}, the store's chain"] = copy.deepcopy(edited).linked_again(chains=False).files()
                noticed[f"{label}, both, but not the head"] = copy.deepcopy(edited).linked_again().files()
                right[label] = edited.everything_again().files()
        self.all_noticed(noticed)
        self.forged(right, small_files(), self.checkpoint(small_log()))

    def test_deleted_doubled_swapped_and_cut_off_of_a_closed_log(self):
        self.judge(small_files(), self.checkpoint(small_log()))

    def test_deleted_doubled_swapped_and_cut_off_of_an_open_log(self):
        self.judge(small_files(closed=0), self.checkpoint(small_log()), closed=False)

    def test_deleted_doubled_swapped_and_cut_off_of_what_the_program_wrote(self):
        files, key, path = log_of_the_program(self.work, 2), self.work / "key", self.work / "signed.json"
        subprocess.run([Case.program, "key", "create", key], check=True, stdout=subprocess.DEVNULL)
        with path.open("wb") as checkpoint:
            subprocess.run([Case.program, "wal", "checkpoint", "--data", self.work / "made-2", "--key", key], check=True,
                           stdout=checkpoint)
        self.none_noticed({"as it is": files}, path)
        self.judge(files, path)

    def test_whole_segments(self):
        log, noticed, right = Log(small_files()), {}, {}
        for number in range(len(log.segments)):
            for label, change in {"deleted": delete, "doubled": double}.items():
                made = copy.deepcopy(log)
                change(made.segments, number)
                whole = copy.deepcopy(made).everything_again().files()
                right[f"{number} {label}"] = whole
                if label == "deleted":
                    change(made.names, number)
                    noticed[f"{number} {label}"] = made.files()
                again = made.numbered_again().files()
                if again != whole:
                    noticed[f"{number} {label}, numbered again"] = again
        self.all_noticed(noticed)
        self.forged(right, small_files(), self.checkpoint(small_log()))

    def test_a_batch_moved_over_a_boundary_is_still_the_same_record_of_what_happened(self):
        noticed, right, log = {}, {}, Log(small_files())
        for number in range(len(log.segments) - 1):
            for label, move in {"on": lambda a, b: b.insert(0, a.pop()), "back": lambda a, b: a.append(b.pop(0))}.items():
                made = copy.deepcopy(log)
                move(made.segments[number][1], made.segments[number + 1][1])
                noticed[f"{label} from {number}"] = made.files()
                right[f"{label} from {number}"] = made.numbered_again().files()
        self.all_noticed(noticed)
        self.none_noticed(right, self.checkpoint(small_log()))

    def test_rolled_back(self):
        """Each earlier state of the directory against the checkpoint of each state."""
        states = [small_log(until) for until in range(1, 8)]
        for number, made in enumerate(states):
            checkpoint, closed = self.checkpoint(made, f"{number}.json"), number % 2
            earlier = {f"{i} instead of {number}": state.files(state.slot(closed=closed))
                       for i, state in enumerate(states[:number])}
            self.none_noticed(earlier)
            self.all_noticed(earlier, checkpoint)
            self.none_noticed({f"{number + i}": state.files(state.slot(closed=closed))
                               for i, state in enumerate(states[number:])}, checkpoint)

    def test_rolled_back_in_part(self):
        """One file of an earlier state beside the others of the last."""
        files, noticed = small_files(), {}
        for number in range(1, 7):
            state = small_log(number)
            old = state.files(state.slot(closed=1))
            for name in old:
                if old[name] != files[name] and name != "head":
                    noticed[f"{name} of {number}"] = files | {name: old[name]}
            noticed[f"the head of {number}"] = files | {"head": old["head"]}
        self.all_noticed(noticed)


if __name__ == "__main__":
    main()
