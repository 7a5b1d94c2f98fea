import { MeshError, systemErrorCode } from "../base/error.ts";
import { isLocalCluster, type ObjectReader, readExternalAnchors, refuseExisting } from "./existing.ts";
import type { InstallRequest } from "./plan-install.ts";

type ReadText = (name: string) => Promise<string>;

/** Reads files and https URLs as text. @throws MeshError `INPUT_UNREADABLE`, `INPUT_URL` */
export function readTextFrom(readFile: ReadText, fetchUrl: (url: string) => Promise<Response>): ReadText {
  return async (name) => {
    if (/^https?:\/\//.test(name)) return readUrl(name, fetchUrl);
    try {
      return await readFile(name);
    } catch (cause) {
      throw new MeshError({
        kind: "user",
        code: "INPUT_UNREADABLE",
        message: `cannot read ${name}: ${unreadableWords(cause)}`,
        cause,
      });
    }
  };
}

/** Only https, and only a 200: a login page is no manifest. */
export async function readUrl(url: string, fetchUrl: (url: string) => Promise<Response>): Promise<string> {
  const fail = (message: string, hint?: string, cause?: unknown): never => {
    throw new MeshError({ kind: "user", code: "INPUT_URL", message, hint, cause });
  };
  if (!url.startsWith("https://")) fail(`${url} is not https`, "download it yourself and give the file");
  let response: Response;
  try {
    response = await fetchUrl(url);
  } catch (cause) {
    return fail(`cannot read ${url}: ${unreadableWords((cause as Error).cause ?? cause)}`, undefined, cause);
  }
  if (response.status !== 200) fail(`${url} answered ${response.status} ${response.statusText}`.trimEnd());
  return await response.text();
}

export function unreadableWords(cause: unknown): string {
  const code = systemErrorCode(cause);
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a directory";
  if (code !== undefined) return code;
  return cause instanceof Error ? cause.message : String(cause);
}

/** What of an authority is given as files. */
export interface IdentityFiles {
  readonly trustAnchorsPem: string | undefined;
  readonly issuer: { readonly issuerCertificatePem: string; readonly issuerKeyPem: string } | undefined;
}

/**
 * What of the identity an upgrade replaces: the anchors, or certificate and key of the issuer, or all.
 *
 * @throws MeshError `INSTALL_PARTIAL_IDENTITY`
 */
export async function readNewIdentity(
  options: Readonly<Record<string, unknown>>,
  readText: ReadText,
): Promise<IdentityFiles> {
  const [anchors, certificate, key] = [
    options.identityTrustAnchorsFile as string | undefined,
    options.identityIssuerCertificateFile as string | undefined,
    options.identityIssuerKeyFile as string | undefined,
  ];
  if ((certificate === undefined) !== (key === undefined)) {
    throw new MeshError({
      kind: "usage",
      code: "INSTALL_PARTIAL_IDENTITY",
      message: `issuer certificate and key go together, and ${certificate === undefined ? "--identity-issuer-certificate-file" : "--identity-issuer-key-file"} is missing`,
      hint: "give both files",
    });
  }
  return {
    trustAnchorsPem: anchors === undefined ? undefined : await readText(anchors),
    issuer:
      certificate === undefined || key === undefined
        ? undefined
        : { issuerCertificatePem: await readText(certificate), issuerKeyPem: await readText(key) },
  };
}

/** The operator's own authority: all three files or none. @throws MeshError `INSTALL_PARTIAL_IDENTITY` */
export async function readIdentityFiles(
  options: Readonly<Record<string, unknown>>,
  readText: ReadText,
): Promise<InstallRequest["identity"]> {
  const files = {
    "--identity-trust-anchors-file": options.identityTrustAnchorsFile as string | undefined,
    "--identity-issuer-certificate-file": options.identityIssuerCertificateFile as string | undefined,
    "--identity-issuer-key-file": options.identityIssuerKeyFile as string | undefined,
  };
  const given = Object.values(files).filter((file) => file !== undefined).length;
  const external = options.identityExternalIssuer === true;
  if (external && given > 0) {
    throw new MeshError({
      kind: "usage",
      code: "INSTALL_PARTIAL_IDENTITY",
      message:
        "--identity-external-issuer takes the issuer from the cluster, so no identity files go with it",
    });
  }
  if (given === 0) return undefined;
  const missing = Object.entries(files).flatMap(([flag, file]) => (file === undefined ? [flag] : []));
  if (missing.length > 0) {
    throw new MeshError({
      kind: "usage",
      code: "INSTALL_PARTIAL_IDENTITY",
      message: `anchors, issuer certificate and key go together, and ${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} missing`,
      hint: "give all three files, or none: meshctl then makes an authority",
    });
  }
  const [trustAnchorsPem, issuerCertificatePem, issuerKeyPem] = await Promise.all(
    Object.values(files).map((file) => readText(file!)),
  );
  return {
    trustAnchorsPem: trustAnchorsPem!,
    issuerCertificatePem: issuerCertificatePem!,
    issuerKeyPem: issuerKeyPem!,
  };
}

/** What installing depends on in the cluster. */
export interface InstallCluster extends Pick<InstallRequest, "externalTrustAnchorsPem"> {
  /** True for a cluster of `meshctl dev`, which needs LOCAL_VALUES. */
  readonly local?: true;
}

/**
 * Asks the cluster what installing depends on: that nothing is there yet, whether it is a local one, and the anchors of an
 * external issuer.
 *
 * @throws MeshError `INSTALL_EXISTS`, `INSTALL_NO_ISSUER`, `INSTALL_CLUSTER`
 */
export async function openCluster(
  options: Readonly<Record<string, unknown>>,
  namespace: string,
  connect: () => Promise<ObjectReader & { close(): void }>,
): Promise<InstallCluster> {
  const external = options.identityExternalIssuer === true;
  // Definitions alone depend on nothing: they are applied before an installation, and again when some went missing.
  if (options.crds === true && !external) return {};
  if (options.ignoreCluster === true) {
    if (!external) return {};
    throw new MeshError({
      kind: "usage",
      code: "INSTALL_NEEDS_CLUSTER",
      message: "--identity-external-issuer reads the cluster, which --ignore-cluster forbids",
    });
  }
  let client: Awaited<ReturnType<typeof connect>>;
  try {
    client = await connect();
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    throw new MeshError({
      kind: error.kind,
      code: "INSTALL_CLUSTER",
      message: error.message,
      hint: `${error.hint === undefined ? "" : `${error.hint}; `}or print the manifests without a cluster: meshctl install --ignore-cluster`,
      anchor: error.anchor,
      cause: error,
    });
  }
  try {
    await refuseExisting(client, namespace);
    return {
      ...((await isLocalCluster(client)) && { local: true }),
      ...(external && { externalTrustAnchorsPem: await readExternalAnchors(client, namespace) }),
    };
  } finally {
    client.close();
  }
}
