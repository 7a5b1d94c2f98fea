import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { H2Stream } from "../../../src/wire/h2-stream.ts";
import { H2StreamTable } from "../../../src/wire/h2-stream-table.ts";

const stream = (id: number): H2Stream => ({ id }) as H2Stream;

test("streams are found as in a Map, whichever live long", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4000), { maxLength: 3000 }), fc.nat(3), (choices, kept) => {
      const table = new H2StreamTable(false);
      const expected = new Map<number, H2Stream>();
      for (const choice of choices) {
        // The higher `kept`, the more streams pile up before any ends.
        if (choice % 4 <= kept) {
          const opened = stream(table.takeId());
          table.add(opened);
          expected.set(opened.id, opened);
        } else {
          const ids = [...expected.keys()];
          const ended = expected.get(ids[choice % ids.length] ?? 0) ?? stream(1_000_001);
          table.remove(ended);
          expected.delete(ended.id);
        }
        assert.equal(table.size, expected.size);
      }
      for (let id = 1; id < 6100; id += 2) assert.equal(table.get(id), expected.get(id));
      assert.deepEqual(new Set(table.all()), new Set(expected.values()));
    }),
    { numRuns: 100 },
  );
});

test("a stream that lives long keeps being found while thousands pass", () => {
  const table = new H2StreamTable(false);
  const old = stream(table.takeId());
  table.add(old);
  for (let count = 0; count < 10_000; count++) {
    const passing = stream(table.takeId());
    table.add(passing);
    assert.equal(table.get(old.id), old);
    assert.equal(table.get(passing.id), passing);
    table.remove(passing);
    assert.equal(table.get(passing.id), undefined);
  }
  table.remove(old);
  table.remove(old);
  assert.deepEqual([table.size, table.get(old.id), table.all()], [0, undefined, []]);
});
