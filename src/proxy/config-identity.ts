import type { Network } from "../base/ip.ts";
import { parseTrustBundle } from "../identity/certificates.ts";
import type { ProxyConfig } from "./config.ts";
import { readControlAddress } from "./config-control.ts";
import { type ConfigReader, isDnsName } from "./config-env.ts";

/** IDENTITY_*: who this proxy is, whom it trusts, and who certifies it. */
export function readIdentity(reader: ConfigReader, ownNetworks: readonly Network[]): ProxyConfig["identity"] {
  for (const suffix of [
    "IDENTITY_DISABLED",
    "IDENTITY_SPIRE_WORKLOAD_API_ADDRESS",
    "IDENTITY_SPIRE_SOCKET",
  ]) {
    const found = reader.raw(suffix);
    if (found) {
      reader.problem(
        found.name,
        found.value,
        suffix === "IDENTITY_DISABLED"
          ? "no value: identity cannot be disabled"
          : "no value: SPIRE is not supported yet",
      );
    }
  }
  const trustAnchorsFile = reader.raw("IDENTITY_TRUST_ANCHORS_FILE")?.value;
  const trustAnchorsPem =
    trustAnchorsFile === undefined
      ? reader.required("IDENTITY_TRUST_ANCHORS")
      : reader.text("IDENTITY_TRUST_ANCHORS", "");
  if (trustAnchorsPem !== "") {
    try {
      parseTrustBundle(trustAnchorsPem, "it");
    } catch {
      reader.missing("IDENTITY_TRUST_ANCHORS", "holds no readable PEM certificates");
    }
  }
  return {
    localName: readLocalName(reader),
    trustAnchorsPem,
    trustAnchorsFile,
    tokenFile: reader.required("IDENTITY_TOKEN_FILE"),
    server: readControlAddress(reader, "IDENTITY_SVC", ownNetworks),
    minRefreshMs: reader.durationMs("IDENTITY_MIN_REFRESH", 10_000),
    maxRefreshMs: reader.durationMs("IDENTITY_MAX_REFRESH", 24 * 3_600_000),
  };
}

/** LOCAL_NAME sets both the TLS identity and the server name; else SERVER_ID and SERVER_NAME, which must agree. */
function readLocalName(reader: ConfigReader): string {
  const tryParseName = (text: string) => (isDnsName(text) ? text : undefined);
  const local = reader.parse("IDENTITY_LOCAL_NAME", "", "a DNS name", tryParseName);
  const serverId = reader.parse("IDENTITY_SERVER_ID", "", "a DNS name", tryParseName);
  const serverName = reader.parse("IDENTITY_SERVER_NAME", "", "a DNS name", tryParseName);
  if (local !== "") return local;
  if (serverId === "") reader.missing("IDENTITY_LOCAL_NAME");
  else if (serverId !== serverName) {
    reader.missing(
      "IDENTITY_SERVER_NAME",
      `must equal IDENTITY_SERVER_ID (${serverId}), it is "${serverName}"`,
    );
  }
  return serverId;
}
