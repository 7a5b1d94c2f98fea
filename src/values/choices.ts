export const INBOUND_POLICIES: readonly string[] = [
  "all-unauthenticated",
  "all-authenticated",
  "cluster-unauthenticated",
  "cluster-authenticated",
  "deny",
  "audit",
];

export const PULL_POLICIES: readonly string[] = ["Always", "IfNotPresent", "Never"];
