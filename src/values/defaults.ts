import { ADMIN_PORT, DEFAULT_NAMESPACE, INBOUND_PORT, OUTBOUND_PORT, TAP_PORT } from "../base/names.ts";
import type { Values } from "./values.ts";

/** Private address space: where a cluster's own addresses lie unless its operator says otherwise. */
const CLUSTER_NETWORKS = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8";

/** Protocols in which the server speaks first, or that detection would delay: SMTP, MySQL, Galera, PostgreSQL, Redis, ... */
export const OPAQUE_PORTS_DEFAULT = "25,587,3306,4444,5432,6379,9300,11211";

/**
 * The values of an installation nobody has configured.
 *
 * @param version version of control plane and proxies, and tag of their image
 * @param imageName image without tag; one image serves every role
 */
export function defaultValues(version: string, imageName = "meshctl"): Values {
  const image = { name: imageName, version, pullPolicy: "IfNotPresent" };
  return {
    meshctlVersion: version,
    namespace: DEFAULT_NAMESPACE,
    clusterDomain: "cluster.local",
    identityTrustDomain: "",
    clusterNetworks: CLUSTER_NETWORKS,
    image,
    highAvailability: false,
    controllerReplicas: 1,
    controllerLogLevel: "info",
    controllerLogFormat: "plain",
    controllerUid: 2103,
    controllerGid: -1,
    controllerResources: { cpu: { request: "", limit: "" }, memory: { request: "", limit: "" } },
    webhookFailurePolicy: "Ignore",
    disableIpv6: true,
    enableH2Upgrade: true,
    identity: {
      issuer: { issuanceLifetime: "24h0m0s", clockSkewAllowance: "20s", scheme: "meshctl.io/tls" },
    },
    identityTrustAnchorsPem: "",
    proxy: {
      image: { ...image },
      capture: "transparent",
      logLevel: "warn,meshctl=info",
      logFormat: "plain",
      ports: { inbound: INBOUND_PORT, outbound: OUTBOUND_PORT, admin: ADMIN_PORT, control: TAP_PORT },
      uid: 2102,
      gid: -1,
      resources: { cpu: { request: "", limit: "" }, memory: { request: "", limit: "" } },
      defaultInboundPolicy: "all-unauthenticated",
      opaquePorts: OPAQUE_PORTS_DEFAULT,
      inboundConnectTimeout: "100ms",
      outboundConnectTimeout: "1000ms",
      inboundDiscoveryCacheUnusedTimeout: "90s",
      outboundDiscoveryCacheUnusedTimeout: "5s",
      shutdownGracePeriod: "",
      accessLog: "",
      enableShutdownEndpoint: false,
      nativeSidecar: true,
      await: true,
      additionalEnv: [],
    },
    proxyInit: {
      mode: "nft",
      ignoreInboundPorts: "4567,4568",
      ignoreOutboundPorts: "4567,4568",
      skipSubnets: "",
      kubeAPIServerPorts: "443,6443",
      runAsRoot: true,
      closeWaitTimeoutSecs: 0,
    },
  };
}

/** The trust domain in force: what was set, else the cluster domain. */
export function trustDomainOf(values: Values): string {
  return values.identityTrustDomain === "" ? values.clusterDomain : values.identityTrustDomain;
}
