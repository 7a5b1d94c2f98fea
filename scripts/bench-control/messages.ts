/** What the bench tells a process of subscribers. */
export type SubscriberOrder =
  | {
      readonly do: "subscribe";
      readonly host: string;
      readonly port: number;
      /** Of the destination service. */
      readonly identity: string;
      readonly trustAnchorsPem: string;
      readonly certificatePem: string;
      readonly keyPem: string;
      /** One subscription each: `web-0.bench.svc.cluster.local:80`. */
      readonly paths: readonly string[];
    }
  /** The control plane starts anew: tell when everything has been answered again. */
  | { readonly do: "expect again" }
  | { readonly do: "report" }
  | { readonly do: "end" };

export interface SubscriberTotals {
  readonly kind: "totals";
  /** Change and time (ms) of each message, in turn. */
  readonly seen: readonly number[];
  readonly messages: number;
}

/** What it says. Times are of the machine's monotonic clock, which all processes share. */
export type SubscriberReport =
  | { readonly kind: "answered"; readonly atMs: number }
  | { readonly kind: "refused"; readonly message: string }
  | SubscriberTotals;
