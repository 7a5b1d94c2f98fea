/**
 * Install values: what `install` renders from, what ConfigMap `meshctl-config` keeps, and what the injector and `inject`
 * build proxies from. Names follow the upstream chart's, camel-cased as there.
 */
export interface Values {
  readonly meshctlVersion: string;
  readonly namespace: string;
  readonly clusterDomain: string;
  /** Empty means the cluster domain. */
  readonly identityTrustDomain: string;
  /** CIDR list, comma separated. */
  readonly clusterNetworks: string;
  readonly image: { readonly name: string; readonly version: string; readonly pullPolicy: string };
  /** Several replicas on different nodes, of which one at a time may go, with reserved resources. Set by `--ha`, with the rest of it. */
  readonly highAvailability: boolean;
  readonly controllerReplicas: number;
  readonly controllerLogLevel: string;
  readonly controllerLogFormat: string;
  readonly controllerUid: number;
  /** Negative: none. */
  readonly controllerGid: number;
  readonly controllerResources: ResourceValues;
  readonly webhookFailurePolicy: "Ignore" | "Fail";
  readonly disableIpv6: boolean;
  readonly enableH2Upgrade: boolean;
  readonly identity: {
    readonly issuer: {
      /** Go duration. */
      readonly issuanceLifetime: string;
      readonly clockSkewAllowance: string;
      readonly scheme: "meshctl.io/tls" | "kubernetes.io/tls";
    };
  };
  /** PEM bundle. Public. */
  readonly identityTrustAnchorsPem: string;
  readonly proxy: ProxyValues;
  readonly proxyInit: ProxyInitValues;
}

/** Quantities; "" is none. */
export interface ResourceValues {
  readonly cpu: { readonly request: string; readonly limit: string };
  readonly memory: { readonly request: string; readonly limit: string };
}

export interface ProxyValues {
  readonly image: { readonly name: string; readonly version: string; readonly pullPolicy: string };
  /** `transparent` needs the init container's redirect rules; `explicit` adds none. */
  readonly capture: "transparent" | "explicit";
  readonly logLevel: string;
  readonly logFormat: string;
  readonly ports: {
    readonly inbound: number;
    readonly outbound: number;
    readonly admin: number;
    readonly control: number;
  };
  readonly uid: number;
  /** Negative: none. */
  readonly gid: number;
  readonly resources: ResourceValues;
  readonly defaultInboundPolicy: string;
  /** Comma separated ports and ranges. */
  readonly opaquePorts: string;
  readonly inboundConnectTimeout: string;
  readonly outboundConnectTimeout: string;
  readonly inboundDiscoveryCacheUnusedTimeout: string;
  readonly outboundDiscoveryCacheUnusedTimeout: string;
  readonly shutdownGracePeriod: string;
  readonly accessLog: string;
  readonly enableShutdownEndpoint: boolean;
  readonly nativeSidecar: boolean;
  readonly await: boolean;
  readonly additionalEnv: readonly { readonly name: string; readonly value: string }[];
}

export interface ProxyInitValues {
  readonly mode: "nft" | "iptables-nft" | "iptables-legacy";
  readonly ignoreInboundPorts: string;
  readonly ignoreOutboundPorts: string;
  readonly skipSubnets: string;
  readonly kubeAPIServerPorts: string;
  /** Not root only where the runtime grants ambient capabilities. */
  readonly runAsRoot: boolean;
  /** How long half-closed connections are remembered; 0: the kernel's 60 s. Makes the init container privileged. */
  readonly closeWaitTimeoutSecs: number;
}
