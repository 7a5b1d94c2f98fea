import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../src/base/error.ts";
import { formatSelection, parseOneSelection, parseSelection } from "../../../src/collect/selector.ts";

const accepted: readonly (readonly [args: string, selections: readonly string[]])[] = [
  ["deploy", ["deploy"]],
  ["deployments", ["deploy"]],
  ["Deployment/web", ["deploy/web"]],
  ["deploy web", ["deploy/web"]],
  ["deploy web api", ["deploy/web", "deploy/api"]],
  ["deploy/web po/db-0", ["deploy/web", "po/db-0"]],
  ["deploy po", ["deploy/po"]],
  ["ns/demo", ["ns/demo"]],
  ["svc", ["svc"]],
  ["saz/x srv/y ap/z httproute/r", ["saz/x", "srv/y", "ap/z", "httproute/r"]],
  ["all", ["cj", "ds", "deploy", "job", "po", "rs", "rc", "svc", "sts"]],
];
for (const [args, selections] of accepted) {
  test(`selector reads "${args}"`, () => {
    assert.deepEqual(parseSelection(args.split(" ")).map(formatSelection), selections);
  });
}

const refused: readonly (readonly [args: string, code: string, message: string])[] = [
  ["", "SELECTOR_MISSING", "no resource is named"],
  ["foo", "SELECTOR_UNKNOWN_TYPE", "cannot find Kubernetes canonical name from friendly name [foo]"],
  ["foo/x", "SELECTOR_UNKNOWN_TYPE", "cannot find Kubernetes canonical name from friendly name [foo]"],
  ["deploy/a/b", "SELECTOR_INVALID", "invalid resource string: deploy/a/b"],
  ["deploy/", "SELECTOR_INVALID", "invalid resource string: deploy/"],
  ["deploy web web", "SELECTOR_DUPLICATE", "deploy/web is named twice"],
  ["deploy/web deployment/web", "SELECTOR_DUPLICATE", "deploy/web is named twice"],
  ["po/a all", "SELECTOR_ALL_ALONE", "all must be the only resource"],
  ["all deploy", "SELECTOR_ALL_ALONE", "all must be the only resource"],
];
for (const [args, code, message] of refused) {
  test(`selector refuses "${args}" with ${code}`, () => {
    assert.throws(
      () => parseSelection(args === "" ? [] : args.split(" ")),
      (error) =>
        error instanceof MeshError &&
        error.code === code &&
        error.message === message &&
        error.kind === "usage",
    );
  });
}

test("selector of one resource refuses several", () => {
  assert.throws(() => parseOneSelection(["deploy", "a", "b"]), /one resource is expected, not 2/);
  assert.throws(() => parseOneSelection(["all"]), /one resource is expected, not 9/);
});
