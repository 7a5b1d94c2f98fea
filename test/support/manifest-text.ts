import fc from "fast-check";

export interface ManifestTextOptions {
  /** Flow style and JSON too. */
  readonly flow?: boolean;
  /** `annotations:`, `annotations: {}` and metadata without anything: what inject fills and uninject cannot tell from its own. */
  readonly emptyAnnotations?: boolean;
}

/**
 * Manifests as people write them: several documents, Deployments, Pods, Lists and foreign kinds, in block or flow style, with
 * comments, blank lines, odd scalars, either line end, with or without BOM and final line end.
 */
export function manifestText(options: ManifestTextOptions = {}): fc.Arbitrary<{ text: string }> {
  const flow = options.flow ?? true;
  const empties = options.emptyAnnotations ?? true;
  const documents = fc.array(documentText(flow, empties), { minLength: 1, maxLength: 3 });
  return fc
    .record({
      documents,
      crlf: fc.boolean(),
      bom: fc.boolean(),
      leadingMarker: fc.boolean(),
      finalNewline: fc.boolean(),
      header: fc.constantFrom("", "# a header comment\n", "\n# one\n\n# two\n"),
    })
    .map(({ documents, crlf, bom, leadingMarker, finalNewline, header }) => {
      let text = header + (leadingMarker ? "---\n" : "") + documents.join("---\n");
      if (!finalNewline) text = text.replace(/\n+$/, "");
      if (crlf) text = text.replaceAll("\n", "\r\n");
      return { text: (bom ? "\ufeff" : "") + text };
    });
}

const SCALARS = [
  "plain",
  "a plain one",
  '"double # quoted"',
  "'single: quoted'",
  "'it''s'",
  '"esc\\u00e9\\n"',
  "0755",
  "1e3",
  "yes",
  "~",
  "true",
  "http://host:80/path#frag",
  "- not".slice(2),
  "-1",
  "ünïcode",
];

function scalar(): fc.Arbitrary<string> {
  return fc.constantFrom(...SCALARS);
}

/** `key: value` lines at an indentation, without the annotations that matter. */
function extraPairs(indent: string, flow: boolean): fc.Arbitrary<string> {
  const pair = fc.oneof(
    fc
      .tuple(fc.constantFrom("x-one", "twoKey", '"quoted key"', "'k'", "a.b/c"), scalar())
      .map(([key, value]) => `${indent}${key}: ${value}\n`),
    fc.constantFrom(
      `${indent}block: |\n${indent}  line one\n\n${indent}    deeper\n`,
      `${indent}folded: >-\n${indent}  some text\n${indent}  more\n`,
      `${indent}kept: |+\n${indent}  text\n\n`,
      `${indent}empty:\n`,
      `${indent}list:\n${indent}- a\n${indent}- b: c\n${indent}  d: e\n`,
      `${indent}indented:\n${indent}    - a\n${indent}    -   b: c\n${indent}        d: e\n`,
      `${indent}commented: value # why\n${indent}# a comment\n`,
      `${indent}several: words\n${indent}  over lines\n`,
      `${indent}nested:\n${indent}   three:\n${indent}     four: 5\n`,
      ...(flow
        ? [
            `${indent}flow: {a: 1, "b": [x, 'y', {c: d}]}\n`,
            `${indent}none: []\n`,
            `${indent}wide: [\n${indent}  1,\n${indent}  2 ]\n`,
          ]
        : []),
    ),
  );
  return fc
    .uniqueArray(pair, { maxLength: 3, selector: (text) => text.split(":")[0]!.trim() })
    .map((pairs) => pairs.join(""));
}

function blankOrComment(indent: string): fc.Arbitrary<string> {
  return fc.constantFrom(
    "",
    "",
    "\n",
    `${indent}# comment\n`,
    "# at the margin\n",
    `\n${indent}    # further right\n\n`,
  );
}

function metadata(indent: string, flow: boolean, empties: boolean): fc.Arbitrary<string> {
  const inner = `${indent}  `;
  const annotations = fc.oneof(
    fc.constant(""),
    fc
      .tuple(blankOrComment(`${inner}  `), extraPairs(`${inner}  `, false))
      .map(([comment, pairs]) => (pairs === "" ? "" : `${inner}annotations:\n${comment}${pairs}`)),
    fc.constant(`${inner}annotations:\n${inner}  meshctl.io/inject: disabled\n`),
    fc.constant(`${inner}annotations: # about them\n${inner}  a: b\n`),
    ...(empties ? [fc.constantFrom(`${inner}annotations:\n`, `${inner}annotations:   # none yet\n`)] : []),
    ...(flow
      ? [
          fc.constantFrom(
            `${inner}annotations: {a: b}\n`,
            `${inner}annotations: { "a": "b", c: 'd' }  # flow\n`,
          ),
        ]
      : []),
    ...(flow ? [fc.constantFrom(`${inner}annotations: {}\n`, `${inner}annotations: { }\n`)] : []),
  );
  const present = fc
    .tuple(blankOrComment(inner), annotations, extraPairs(inner, flow), fc.boolean())
    .map(([comment, first, second, swap]) => {
      const body = swap ? second + first : first + second;
      return body === ""
        ? `${indent}metadata:\n${inner}name: web\n`
        : `${indent}metadata:\n${comment}${inner}labels:\n${inner}  app: web\n${body}`;
    });
  return fc.oneof(
    { weight: 5, arbitrary: present },
    { weight: 1, arbitrary: fc.constant("") },
    ...(empties ? [{ weight: 1, arbitrary: fc.constant(`${indent}metadata:\n`) }] : []),
    ...(flow ? [{ weight: 1, arbitrary: fc.constant(`${indent}metadata: {labels: {app: web}}\n`) }] : []),
  );
}

function podSpec(indent: string, flow: boolean): fc.Arbitrary<string> {
  return fc.tuple(extraPairs(`${indent}  `, flow), fc.boolean()).map(([pairs, level]) => {
    const dash = level ? `${indent}  ` : `${indent}    `;
    return `${indent}spec:\n${pairs}${indent}  containers:\n${dash}- name: app\n${dash}  image: app:1\n`;
  });
}

function documentText(flow: boolean, empties: boolean): fc.Arbitrary<string> {
  const pod = fc
    .tuple(metadata("", flow, empties), podSpec("", flow), fc.boolean())
    .map(([meta, spec, swap]) => `apiVersion: v1\nkind: Pod\n${swap ? spec + meta : meta + spec}`);
  const deployment = fc
    .tuple(
      metadata("", flow, empties),
      extraPairs("  ", flow),
      metadata("    ", flow, empties),
      podSpec("    ", flow),
      blankOrComment("    "),
      fc.boolean(),
    )
    .map(([meta, extra, template, spec, comment, swap]) => {
      const body = swap ? spec + template : template + spec;
      return `kind: Deployment\n${meta}apiVersion: apps/v1\nspec:\n${extra}  template:\n${comment}${body}`;
    });
  const list = fc
    .array(fc.tuple(metadata("    ", flow, empties), podSpec("    ", flow)), { minLength: 1, maxLength: 2 })
    .map(
      (items) =>
        `apiVersion: v1\nkind: List\nitems:\n${items.map(([meta, spec]) => `  - kind: Pod\n    apiVersion: v1\n${meta}${spec}`).join("")}`,
    );
  const foreign = fc.constantFrom(
    "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata:\n  name: k\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n",
    "apiVersion: apps.kruise.io/v1\nkind: StatefulSet\nspec:\n  template:\n    spec: {}\n",
    "kind: ConfigMap\napiVersion: v1\ndata:\n  inner.yaml: |\n    kind: Pod\n    spec:\n      containers: []\n",
    "# only a comment\n",
  );
  const json = fc.record({
    apiVersion: fc.constant("v1"),
    kind: fc.constant("Pod"),
    ...(empties
      ? {
          metadata: fc.option(
            fc.record(
              { annotations: fc.dictionary(fc.constantFrom("a", "b"), fc.string()), name: fc.string() },
              { requiredKeys: [] },
            ),
            { nil: undefined },
          ),
        }
      : {
          metadata: fc.record({
            name: fc.string(),
            labels: fc.dictionary(fc.constantFrom("a", "b"), fc.string(), { minKeys: 1 }),
          }),
        }),
    spec: fc.constant({ containers: [{ name: "x", args: ["{", "}"] }] }),
  });
  const jsonText = fc
    .tuple(json, fc.constantFrom(undefined, 1, 2, 4, "\t"))
    .map(([object, space]) => `${JSON.stringify(object, null, space)}\n`);
  return fc.oneof(
    { weight: 3, arbitrary: pod },
    { weight: 5, arbitrary: deployment },
    { weight: 2, arbitrary: list },
    { weight: 1, arbitrary: foreign },
    ...(flow ? [{ weight: 2, arbitrary: jsonText }] : []),
  );
}
