import assert from "node:assert/strict";
import { test } from "node:test";
import { createInjector } from "../../../../src/inject/annotate.ts";
import { rewriteObjects } from "../../../../src/inject/rewrite-objects.ts";
import { editStream } from "../../../../src/inject/yaml/edit-stream.ts";
import { scanOutline } from "../../../../src/inject/yaml/scan.ts";
import { splitDocuments } from "../../../../src/inject/yaml/split-documents.ts";

const injector = createInjector({ inject: "enabled", overrides: {}, manual: undefined });

function inject(text: string) {
  return editStream(text, rewriteObjects(injector, []), { fullData: false });
}

/** Input -> output, for what the properties do not spell out. */
const EXAMPLES: readonly (readonly [claim: string, input: string, output: string])[] = [
  [
    "a null in words is replaced, for there is nowhere to insert",
    "kind: Pod\nmetadata:\n  annotations: ~ # none\nspec: {}\n",
    'kind: Pod\nmetadata:\n  annotations: {"meshctl.io/inject": "enabled"} # none\nspec: {}\n',
  ],
  [
    "a wrong word is replaced in place",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: 'yes' # please\nspec: {}\n",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: enabled # please\nspec: {}\n",
  ],
  [
    "a block scalar that says disabled: it stays so",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: >-\n      disabled\nspec: {}\n",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: >-\n      disabled\nspec: {}\n",
  ],
  [
    "a block scalar that says something else",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: |\n      yes\n    a: b\nspec: {}\n",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: enabled\n    a: b\nspec: {}\n",
  ],
  [
    "ingress mode: who asked for it keeps it",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: ingress\nspec: {}\n",
    "kind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: ingress\nspec: {}\n",
  ],
  [
    "an item whose map starts beside the dash",
    "kind: List\napiVersion: v1\nitems:\n- kind: Pod\n  spec: {}\n  metadata:\n    name: a\n",
    "kind: List\napiVersion: v1\nitems:\n- kind: Pod\n  spec: {}\n  metadata:\n    annotations:\n      meshctl.io/inject: enabled\n    name: a\n",
  ],
  [
    "a document of JSON over several lines, with tabs",
    '{\n\t"kind": "Pod",\n\t"metadata": {\n\t\t"name": "x"\n\t},\n\t"spec": {}\n}\n',
    '{\n\t"kind": "Pod",\n\t"metadata": {\n\t\t"annotations": {"meshctl.io/inject": "enabled"}, "name": "x"\n\t},\n\t"spec": {}\n}\n',
  ],
  [
    "directives and end markers",
    "%YAML 1.2\n---\nkind: Pod\nmetadata:\n  name: x\nspec: {}\n...\n---\n# nothing\n",
    "%YAML 1.2\n---\nkind: Pod\nmetadata:\n  annotations:\n    meshctl.io/inject: enabled\n  name: x\nspec: {}\n...\n---\n# nothing\n",
  ],
];

for (const [claim, input, output] of EXAMPLES) {
  test(`inject edits ${claim}`, () => {
    const result = inject(input);
    assert.deepEqual(result.problems, []);
    assert.equal(result.text, output);
  });
}

test("an anchored map that is used elsewhere is refused rather than changed in two places", () => {
  const text = "kind: Pod\nmetadata: &m\n  name: x\nspec:\n  other: *m\n";
  const result = inject(text);
  assert.equal(result.text, text);
  assert.equal(result.problems.length, 1);
  assert.match(result.problems[0]!.message, /anchor is used in several places/);
});

test("a problem names document, line and column, and leaves the other documents to be edited", () => {
  const result = inject("kind: Pod\nmetadata: {}\nspec: {}\n---\na: b: c\n");
  assert.deepEqual(
    result.problems.map(({ documentNumber, line, column }) => ({ documentNumber, line, column })),
    [{ documentNumber: 2, line: 5, column: 4 }],
  );
  assert.match(result.text, /meshctl\.io\/inject/);
});

test("duplicate keys are a problem, as they are to kubectl", () => {
  assert.match(inject("kind: Pod\nkind: Pod\nspec: {}\n").problems[0]!.message, /[Kk]eys must be unique/);
});

test("a line of three dashes inside a block scalar at the margin still ends the document, as YAML says", () => {
  assert.equal(splitDocuments("a: |\n  x\n---\nb: 1\n").length, 2);
  assert.equal(splitDocuments("a: |\n  ---\n  x\n").length, 1);
});

const NOT_PLAIN: readonly (readonly [what: string, text: string])[] = [
  ["anchors", "a: &x b\n"],
  ["aliases", "a: *x\n"],
  ["tags", "a: !!str b\n"],
  ["complex keys", "? a\n: b\n"],
  ["merge keys", "a:\n  <<: b\n"],
  ["tabs in indentation", "a:\n\tb: c\n"],
  ["scalars over lines", "a: b\n  c\n"],
  ["quoted scalars over lines", 'a: "b\n  c"\n'],
  ["flow collections over lines", "a: [b,\n  c]\n"],
  ["flow style at the root", "{a: b}\n"],
  ["duplicate keys", "a: b\na: c\n"],
  ["content on the marker's line", "--- {a: b}\n"],
  ["numbers as keys", "1: b\n"],
  ["nested sequences beside a dash", "a:\n- - b\n"],
  ["worse indentation", "a:\n    b: c\n  d: e\n"],
  ["a map and a value", "a: b: c\n"],
];

for (const [what, text] of NOT_PLAIN) {
  test(`the scanner leaves ${what} to the full parser`, () => {
    assert.equal(scanOutline(text, { start: 0, end: text.length }), undefined);
  });
}
