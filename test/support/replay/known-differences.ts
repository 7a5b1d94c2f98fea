import type { Finding } from "./replay.ts";

/** A difference that stays, and why. `docs/local-cluster.md` tells users the same. */
export interface KnownDifference {
  /** Of the request: `METHOD path`. */
  readonly request: RegExp;
  /** Of the field that differs. */
  readonly field: RegExp;
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    request: /^POST .*\/customresourcedefinitions$/,
    field: /^\.status\./,
    reason: "a CRD is served from the write on; there is no controller that would have to look first",
  },
  {
    request: /^DELETE .*\/customresourcedefinitions\//,
    field: /./,
    reason: "its objects go with it in the same turn, so there is no finalizer to wait for",
  },
  {
    request: /\/daemonsets$/,
    field: /deprecated\.daemonset\.template\.generation$/,
    reason: "the annotation is for clients of extensions/v1beta1, which is not served",
  },
  {
    request: /^POST .*\/persistentvolumeclaims$/,
    field: /^\.metadata\.finalizers$/,
    reason: "no volume is ever bound, so nothing protects one",
  },
  {
    request: /\/(resourcequotas|limitranges)$/,
    field: /./,
    reason: "neither is enforced, so neither is served",
  },
  {
    request: /^DELETE .*\/deployments\/made$/,
    field: /./,
    reason:
      "orphaning is done in the same turn, so there is no finalizer to wait for and the answer is a Status",
  },
  {
    request: /^PATCH .*\/pods\/talker$/,
    field: /message$/,
    reason: "Kubernetes appends a diff of its internal objects",
  },
  {
    request: /^GET .*\/pods$/,
    field: /^\.message$/,
    reason: "a token for the next page has a form of its own, and so has the error about a wrong one",
  },
];

export interface Judged {
  readonly findings: readonly Finding[];
  /** Entries of the list that met nothing: they are out of date. */
  readonly unused: readonly KnownDifference[];
}

/** Takes what is known out of the findings. */
export function withoutKnown(findings: readonly Finding[]): Judged {
  const used = new Set<KnownDifference>();
  const left = findings.map(({ exchange, differences }) => ({
    exchange,
    differences: differences.filter(({ path }) => {
      const request = `${exchange.method} ${exchange.path}`;
      const known = KNOWN_DIFFERENCES.find((each) => each.request.test(request) && each.field.test(path));
      if (known) used.add(known);
      return known === undefined;
    }),
  }));
  return {
    findings: left.filter(({ differences }) => differences.length > 0),
    unused: KNOWN_DIFFERENCES.filter((each) => !used.has(each)),
  };
}
