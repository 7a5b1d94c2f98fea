import type { Network } from "../base/ip.ts";
import { parseTrustBundle } from "../identity/certificates.ts";
import type { ProxyConfig } from "./config.ts";
import { readBackoff, readControlAddress } from "./config-control.ts";
import { type ConfigReader, isDnsName } from "./config-env.ts";
import { SPIRE_BACKOFFS } from "./config-ignored.ts";

const SPIRE_BACKOFF = { minMs: 100, maxMs: 1000, jitterRatio: 0.1 };

/** IDENTITY_*: who this proxy is, whom it trusts, and who certifies it. */
export function readIdentity(reader: ConfigReader, ownNetworks: readonly Network[]): ProxyConfig["identity"] {
  const disabled = reader.raw("IDENTITY_DISABLED");
  if (disabled) reader.problem(disabled.name, disabled.value, "no value: identity cannot be disabled");
  const legacySocket = reader.raw("IDENTITY_SPIRE_SOCKET");
  const socket = reader.raw("IDENTITY_SPIRE_WORKLOAD_API_ADDRESS") ?? legacySocket;
  const [plain, doubled] = SPIRE_BACKOFFS;
  const backoff = readBackoff(reader, plain, readBackoff(reader, doubled, SPIRE_BACKOFF));
  if (socket) {
    return {
      ...readSpireNames(reader),
      spire: { socketPath: socket.value.replace(/^unix:/, ""), backoff },
      trustAnchorsPem: "",
      trustAnchorsFile: undefined,
      tokenFile: "",
      server: undefined,
      minRefreshMs: 0,
      maxRefreshMs: 0,
    };
  }
  // What nobody follows is warned about.
  for (const suffix of backoffSuffixes()) if (reader.raw(suffix)) reader.asked.delete(suffix);
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
  const localName = readLocalName(reader);
  return {
    localName,
    serverName: localName,
    spire: undefined,
    trustAnchorsPem,
    trustAnchorsFile,
    tokenFile: reader.required("IDENTITY_TOKEN_FILE"),
    server: readControlAddress(reader, "IDENTITY_SVC", ownNetworks),
    minRefreshMs: reader.durationMs("IDENTITY_MIN_REFRESH", 10_000),
    maxRefreshMs: reader.durationMs("IDENTITY_MAX_REFRESH", 24 * 3_600_000),
  };
}

function backoffSuffixes(): string[] {
  return SPIRE_BACKOFFS.flatMap((stem) => [`${stem}_MIN`, `${stem}_MAX`, `${stem}_JITTER`]);
}

/** LOCAL_NAME sets both the TLS identity and the server name; else SERVER_ID and SERVER_NAME, which must agree. */
function readLocalName(reader: ConfigReader): string {
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

/** With SPIRE the identity is a URI; a ClientHello can only name DNS names, so that there is one of them too. */
function readSpireNames(reader: ConfigReader): Pick<ProxyConfig["identity"], "localName" | "serverName"> {
  const local = reader.raw("IDENTITY_LOCAL_NAME");
  if (local) {
    reader.problem(
      local.name,
      local.value,
      "no value with SPIRE: IDENTITY_SERVER_ID is the spiffe:// identity",
    );
  }
  const localName = reader.parse("IDENTITY_SERVER_ID", "", "a spiffe:// URI with SPIRE", tryParseSpiffeId);
  const serverName = reader.parse("IDENTITY_SERVER_NAME", "", "a DNS name", tryParseName);
  for (const suffix of ["IDENTITY_SERVER_ID", "IDENTITY_SERVER_NAME"]) {
    if (!reader.raw(suffix)) reader.missing(suffix, "is required with SPIRE");
  }
  return { localName, serverName };
}

function tryParseName(text: string): string | undefined {
  return isDnsName(text) ? text : undefined;
}

/** `spiffe://trust-domain/path`. @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md section 2 */
function tryParseSpiffeId(text: string): string | undefined {
  return text.length <= 2048 && /^spiffe:\/\/[a-z0-9._-]{1,255}(\/[A-Za-z0-9._-]+)*$/.test(text)
    ? text
    : undefined;
}
