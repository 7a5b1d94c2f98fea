import assert from "node:assert/strict";
import { test } from "node:test";
import { Topics } from "../../../../src/control/index/topics.ts";
import { Views } from "../../../../src/control/index/view.ts";

function numbers() {
  const topics = new Topics();
  const views = new Views(topics);
  const state = { value: 1, computed: 0, topics: ["a"] };
  const view = () =>
    views.get("key", {
      isEqual: (left: number, right: number) => left === right,
      compute(track) {
        for (const topic of state.topics) track(topic);
        state.computed++;
        return state.value;
      },
    });
  return { topics, views, state, view };
}

test("view is shared by key and computed once for all its subscribers", () => {
  const { topics, state, view } = numbers();
  const seen: number[] = [];
  view().subscribe((next) => seen.push(next));
  view().subscribe((next) => seen.push(next));
  assert.equal(state.computed, 1);
  state.value = 2;
  topics.publish("a");
  topics.publish("a");
  topics.flush();
  assert.equal(state.computed, 2);
  assert.deepEqual(seen, [2, 2]);
});

test("view does not tell an equal value", () => {
  const { topics, view } = numbers();
  const seen: number[] = [];
  view().subscribe((next) => seen.push(next));
  topics.publish("a");
  topics.flush();
  assert.deepEqual(seen, []);
});

test("view follows the topics of its latest computation only", () => {
  const { topics, state, view } = numbers();
  view().subscribe(() => {});
  state.topics = ["b"];
  topics.publish("a");
  topics.flush();
  topics.publish("a");
  topics.flush();
  assert.equal(state.computed, 2);
  topics.publish("b");
  topics.flush();
  assert.equal(state.computed, 3);
});

test("view and its topics go with the last subscriber", () => {
  const { topics, views, view } = numbers();
  const first = view().subscribe(() => {});
  const second = view().subscribe(() => {});
  first();
  first();
  assert.equal(views.size, 1);
  second();
  assert.equal(views.size, 0);
  assert.equal(topics.size, 0);
});

test("a view that cannot be computed keeps its value, is named, and holds up no other", () => {
  const topics = new Topics();
  const faults: string[] = [];
  const views = new Views(topics, (key, error) => faults.push(`${key}: ${error.message}`));
  let value = 1;
  const told: string[] = [];
  const spec = (name: string, compute: () => number) => {
    const view = views.get(name, {
      isEqual: (left: number, right: number) => left === right,
      compute: (track) => {
        track("topic");
        return compute();
      },
    });
    view.subscribe((next) => told.push(`${name} ${next}`));
    return view;
  };
  const broken = spec("broken", () => {
    if (value === 2) throw new Error("of another shape");
    return value;
  });
  spec("good", () => value);
  for (value of [2, 3]) {
    topics.publish("topic");
    topics.flush();
    if (value === 2) assert.equal(broken.current, 1);
  }
  assert.deepEqual(told, ["good 2", "broken 3", "good 3"]);
  assert.deepEqual(faults, ["broken: of another shape"]);
});

test("a view that could not be computed leaves no topics behind, and is tried again when what it saw changes", () => {
  const topics = new Topics();
  const views = new Views(topics, () => {});
  let isBroken = false;
  const told: number[] = [];
  let value = 0;
  const leave = views
    .get("key", {
      isEqual: (left: number, right: number) => left === right,
      compute(track) {
        track("always");
        if (isBroken) {
          track("only then");
          throw new Error("broken");
        }
        return ++value;
      },
    })
    .subscribe((next) => told.push(next));
  isBroken = true;
  topics.publish("always");
  topics.flush();
  isBroken = false;
  topics.publish("only then");
  topics.flush();
  assert.deepEqual(told, [2]);
  leave();
  assert.equal(topics.size, 0);
});
