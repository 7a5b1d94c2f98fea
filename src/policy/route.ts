/** Matching and filters that inbound and outbound routes share. Regexes are compiled and must cover the whole value. */

export type HostMatch =
  | { readonly kind: "exact"; readonly host: string }
  /** `*.example.com` is `.example.com`; at least one more label is needed. */
  | { readonly kind: "suffix"; readonly suffix: string };

export interface HttpMatch {
  readonly path:
    | { readonly kind: "exact"; readonly value: string }
    | { readonly kind: "prefix"; readonly value: string }
    /** `length` ranks it; 0: by the length of the path that it covered. */
    | { readonly kind: "regex"; readonly value: RegExp; readonly length: number }
    | undefined;
  /** Names in lower case. */
  readonly headers: readonly { readonly name: string; readonly value: string | RegExp }[];
  readonly queryParams: readonly { readonly name: string; readonly value: string | RegExp }[];
  readonly method: string | undefined;
}

export type HttpFilter =
  | { readonly kind: "request-headers"; readonly modifier: HeaderModifier }
  | { readonly kind: "response-headers"; readonly modifier: HeaderModifier }
  | { readonly kind: "redirect"; readonly redirect: Redirect }
  | { readonly kind: "rewrite"; readonly rewrite: Rewrite }
  | {
      readonly kind: "failure";
      readonly status: number;
      readonly message: string;
      /** Share of requests that fail, 0 to 1. */
      readonly ratio: number;
      /** Set by gRPC routes: the code that a gRPC request gets. */
      readonly grpcCode?: number | undefined;
    };

export interface HeaderModifier {
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export interface Redirect {
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: { readonly kind: "full" | "prefix"; readonly value: string } | undefined;
  readonly status: number;
}

/** What a request becomes before it is sent on. */
export interface Rewrite {
  readonly host: string | undefined;
  readonly path: Redirect["path"];
}
