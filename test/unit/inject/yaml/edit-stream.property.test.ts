import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { createInjector } from "../../../../src/inject/annotate.ts";
import { type RewriteObject, rewriteObjects } from "../../../../src/inject/rewrite-objects.ts";
import { createUninjector } from "../../../../src/inject/uninject.ts";
import { editStream } from "../../../../src/inject/yaml/edit-stream.ts";
import { outlineToData, UndecodedScalar } from "../../../../src/inject/yaml/outline.ts";
import { parseOutline } from "../../../../src/inject/yaml/parsed-outline.ts";
import { scanOutline } from "../../../../src/inject/yaml/scan.ts";
import { splitDocuments } from "../../../../src/inject/yaml/split-documents.ts";
import { defaultValues } from "../../../../src/values/defaults.ts";
import { manifestText } from "../../../support/manifest-text.ts";

const injector = createInjector({
  inject: "enabled",
  overrides: { "config.meshctl.io/proxy-log-level": "debug" },
  manual: undefined,
});

function inject(text: string, fullData: boolean): string {
  const result = editStream(text, rewriteObjects(injector, []), { fullData });
  assert.deepEqual(result.problems, [], text);
  return result.text;
}

function read(text: string): unknown[] {
  return parseAllDocuments(text, { merge: true }).map((document) => {
    assert.deepEqual(document.errors, [], text);
    return document.toJS();
  });
}

/** What injection means, said on data: the oracle. */
// biome-ignore lint/suspicious/noExplicitAny: any manifest
function expected(object: any): any {
  const clone = structuredClone(object);
  if (clone?.kind === "List") {
    clone.items = clone.items.map(expected);
    return clone;
  }
  const template =
    clone?.kind === "Pod" ? clone : clone?.kind === "Deployment" ? clone.spec?.template : undefined;
  if (!template?.spec) return clone;
  template.metadata ??= {};
  template.metadata.annotations ??= {};
  if (template.metadata.annotations["meshctl.io/inject"] === "disabled") return object;
  template.metadata.annotations["meshctl.io/inject"] = "enabled";
  template.metadata.annotations["config.meshctl.io/proxy-log-level"] = "debug";
  return clone;
}

/** Sorted keys: the order in a map means nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, child) =>
    typeof child === "object" && child !== null && !Array.isArray(child)
      ? Object.fromEntries(Object.entries(child).sort(([left], [right]) => (left < right ? -1 : 1)))
      : child,
  );
}

const RUNS = { numRuns: 400 };

test("injected text reads as the injected objects, whatever the style of the text", () => {
  fc.assert(
    fc.property(manifestText(), ({ text }) => {
      const output = inject(text, false);
      assert.equal(
        canonical(read(output)),
        canonical(read(text).map(expected)),
        `--- input\n${text}\n--- output\n${output}`,
      );
    }),
    RUNS,
  );
});

test("injected text without the inserted lines is the input, byte for byte, in block style", () => {
  fc.assert(
    fc.property(manifestText({ flow: false }), ({ text }) => {
      const output = inject(text, false);
      assert.ok(isSubsequence(linesOf(text), linesOf(output)), `--- input\n${text}\n--- output\n${output}`);
    }),
    RUNS,
  );
});

test("no character of the input is lost or moved, in any style", () => {
  fc.assert(
    fc.property(manifestText(), ({ text }) => {
      const output = inject(text, false);
      assert.ok(isSubsequence([...text], [...output]), `--- input\n${text}\n--- output\n${output}`);
    }),
    RUNS,
  );
});

test("uninject gives back every byte that inject was given", () => {
  const plain = createInjector({ inject: "enabled", overrides: {}, manual: undefined });
  fc.assert(
    fc.property(manifestText({ emptyAnnotations: false }), ({ text }) => {
      const injected = editStream(text, rewriteObjects(plain, []), { fullData: false });
      const back = editStream(injected.text, rewriteObjects(createUninjector(), []), { fullData: false });
      assert.deepEqual(back.problems, []);
      assert.equal(back.text, text, `--- injected\n${injected.text}`);
    }),
    RUNS,
  );
});

test("manual injection reads as the patched pods, and uninject gives the text back", () => {
  const values = { ...defaultValues("1"), identityTrustAnchorsPem: "-----BEGIN\nanchors\n-----END\n" };
  const manual = createInjector({ inject: "enabled", overrides: {}, manual: values });
  const onData: unknown[] = [];
  const recording: RewriteObject = (target) => {
    const result = manual(target);
    onData.push(result.object);
    return result;
  };
  fc.assert(
    fc.property(manifestText({ emptyAnnotations: false }), ({ text }) => {
      onData.length = 0;
      const injected = editStream(text, rewriteObjects(recording, []), { fullData: true });
      assert.deepEqual(injected.problems, []);
      const objects = read(injected.text)
        .filter((document) => document !== null)
        .flatMap((document) =>
          (document as { kind?: string }).kind === "List"
            ? (document as { items: unknown[] }).items
            : [document],
        );
      assert.equal(canonical(objects), canonical(onData), `--- injected\n${injected.text}`);
      const back = editStream(injected.text, rewriteObjects(createUninjector(), []), { fullData: false });
      assert.equal(back.text, text, `--- injected\n${injected.text}`);
    }),
    { numRuns: 60 },
  );
});

test("manual injection over another one reads as if there had been none before", () => {
  const values = { ...defaultValues("1"), identityTrustAnchorsPem: "anchors" };
  const native = createInjector({ inject: "enabled", overrides: {}, manual: values });
  const other = { ...defaultValues("2"), identityTrustAnchorsPem: "others" };
  const classic = createInjector({
    inject: "enabled",
    overrides: {},
    manual: { ...other, proxy: { ...other.proxy, nativeSidecar: false, capture: "explicit" } },
  });
  const apply = (text: string, rewrite: RewriteObject) => {
    const result = editStream(text, rewriteObjects(rewrite, []), { fullData: true });
    assert.deepEqual(result.problems, [], text);
    return result.text;
  };
  fc.assert(
    fc.property(manifestText({ emptyAnnotations: false }), fc.boolean(), ({ text }, swap) => {
      const [first, second] = swap ? [classic, native] : [native, classic];
      const twice = apply(apply(text, first), second);
      assert.equal(
        canonical(read(twice)),
        canonical(read(apply(text, second))),
        `--- input\n${text}\n--- output\n${twice}`,
      );
    }),
    { numRuns: 60 },
  );
});

test("injecting twice changes nothing the second time", () => {
  fc.assert(
    fc.property(manifestText(), ({ text }) => {
      const once = inject(text, false);
      assert.equal(inject(once, false), once);
    }),
    RUNS,
  );
});

test("the scanner and the full parser edit alike", () => {
  fc.assert(
    fc.property(manifestText(), ({ text }) => {
      assert.equal(inject(text, false), inject(text, true), text);
    }),
    RUNS,
  );
});

test("what the scanner reads is what the full parser reads, scalars over several lines apart", () => {
  let scanned = 0;
  fc.assert(
    fc.property(manifestText(), ({ text }) => {
      for (const slice of splitDocuments(text)) {
        const outline = scanOutline(text, slice);
        if (!outline) continue;
        scanned++;
        const parsed = parseOutline(text, slice);
        assert.ok("data" in parsed, `the scanner accepts what is no YAML:\n${text}`);
        assert.deepEqual(blurUndecoded(outlineToData(outline), parsed.data), parsed.data, text);
      }
    }),
    RUNS,
  );
  assert.ok(scanned > RUNS.numRuns / 4, `the scanner gave up nearly always (${scanned} documents read)`);
});

test("any text at all either passes through or is refused with its place", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(
          "a",
          ":",
          " ",
          "-",
          "\n",
          "{",
          "}",
          "[",
          "]",
          "'",
          '"',
          "#",
          "|",
          "&",
          "*",
          "\t",
          "\r\n",
          "kind: Pod\n",
          "spec:\n",
          "---\n",
        ),
        maxLength: 60,
      }),
      (text) => {
        const result = editStream(text, rewriteObjects(injector, []), { fullData: false });
        for (const problem of result.problems) {
          assert.ok(problem.line >= 1 && problem.column >= 1 && problem.message !== "");
        }
        assert.ok(result.text.length >= text.length);
      },
    ),
    { numRuns: 2000 },
  );
});

/** Puts the parser's value where the scanner decoded none. */
function blurUndecoded(scanned: unknown, parsed: unknown): unknown {
  if (scanned instanceof UndecodedScalar) return parsed;
  if (Array.isArray(scanned))
    return scanned.map((item, index) => blurUndecoded(item, (parsed as unknown[])?.[index]));
  if (typeof scanned === "object" && scanned !== null) {
    return Object.fromEntries(
      Object.entries(scanned).map(([key, value]) => [
        key,
        blurUndecoded(value, (parsed as Record<string, unknown>)?.[key]),
      ]),
    );
  }
  return scanned;
}

/** Lines without their ends: what is inserted after a last line that has none gives it one. */
function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let index = 0;
  for (const item of whole) if (index < part.length && part[index] === item) index++;
  return index === part.length;
}
