/**
 * What an installation in the local cluster (`meshctl dev`) says that one elsewhere does not: pods are processes in 127.0.0.0/8,
 * and nothing redirects their connections.
 */
export const LOCAL_VALUES = { clusterNetworks: "127.0.0.0/8", proxy: { capture: "explicit" } } as const;

/** Begins the container runtime of the local cluster's node. */
export const LOCAL_RUNTIME_PREFIX = "process://";
