/** One place to send traffic to, as discovery described it. */
export interface Endpoint {
  /** `ip:port` (IPv6 in brackets): the key. */
  readonly address: string;
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  /** Set and address labels merged: `pod`, `deployment`, `namespace`, `service`, `serviceaccount`, ... */
  readonly labels: Readonly<Record<string, string>>;
  /** Present: dial with mesh TLS and demand this SAN. */
  readonly tls: { readonly identity: string; readonly serverName: string } | undefined;
  readonly protocolHint: "h2" | "opaque" | undefined;
  /** Present: the peer accepts transport headers on this port. */
  readonly opaqueTransportPort: number | undefined;
  readonly authorityOverride: string | undefined;
}
