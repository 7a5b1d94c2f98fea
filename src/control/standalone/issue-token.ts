import type { KeyObject } from "node:crypto";
import { MeshError } from "../../base/error.ts";
import { signToken } from "../identity/own-tokens.ts";

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * A token for a service account, whose name becomes part of an identity.
 *
 * @throws MeshError `CONTROL_BAD_ACCOUNT` when it could not
 */
export function issueToken(
  key: KeyObject,
  account: { readonly namespace: string; readonly name: string },
  times: { readonly nowMs: number; readonly lifetimeMs: number },
): string {
  for (const text of [account.namespace, account.name]) {
    if (DNS_LABEL.test(text)) continue;
    throw new MeshError({
      kind: "user",
      code: "CONTROL_BAD_ACCOUNT",
      message: `"${text}" is no name of an account or namespace`,
      hint: "write letters in lower case, digits and dashes: it becomes part of the identity",
    });
  }
  return signToken(key, account, times);
}
