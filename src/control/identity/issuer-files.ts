import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { MeshError, toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { type Authority, createAuthority } from "../../identity/ca.ts";
import type { IdentityEvents } from "./identity-events.ts";

export interface IssuerFilesOptions {
  /** Mounted Secret: `crt.pem` and `key.pem`, or `tls.crt` and `tls.key`. */
  readonly issuerDir: string;
  readonly trustRootsFile: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: Pick<IdentityEvents, "issuerUpdated" | "issuerUpdateSkipped">;
}

const PAIRS = [
  ["crt.pem", "key.pem"],
  ["tls.crt", "tls.key"],
] as const;

/**
 * The issuer as its files are now. They are looked at again whenever a certificate is asked for (one `stat`, no watcher that could
 * stop): a new issuer that is valid replaces the old one, one that is not is logged and the old one goes on.
 */
export class IssuerFiles {
  readonly #options: IssuerFilesOptions;
  #loaded: { readonly stamp: string; readonly authority: Authority } | undefined;
  /** Stamp that was tried last, so that a bad issuer is reported once. */
  #tried = "";
  #loading: Promise<void> | undefined;

  constructor(options: IssuerFilesOptions) {
    this.#options = options;
  }

  /** End of the issuer in use; undefined while there is none. */
  get expiresAtMs(): number | undefined {
    return this.#loaded?.authority.expiresAtMs;
  }

  /** @throws MeshError when no valid issuer has been there yet */
  async current(): Promise<Authority> {
    this.#loading ??= this.#reload().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
    if (this.#loaded) return this.#loaded.authority;
    throw new MeshError({
      kind: "environment",
      code: "IDENTITY_NO_ISSUER",
      message: `no valid issuer in ${this.#options.issuerDir}`,
      hint: "see the log of identity for what is wrong with it",
    });
  }

  async #reload(): Promise<void> {
    const { issuerDir, trustRootsFile, clock, log } = this.#options;
    try {
      const [crt, key] = PAIRS.find(([name]) => exists(join(issuerDir, name))) ?? PAIRS[0];
      const files = [join(issuerDir, crt), join(issuerDir, key), trustRootsFile] as const;
      const stamp = files.map((file) => stampOf(file)).join(" ");
      if (stamp === this.#tried) return;
      this.#tried = stamp;
      const [certificatePem, keyPem, anchorsPem] = files.map((file) => readFileSync(file, "utf8")) as [
        string,
        string,
        string,
      ];
      const authority = await createAuthority({
        certificatePem,
        keyPem,
        anchorsPem,
        origin: files[0],
        nowMs: clock.now(),
      });
      log.info(this.#loaded ? "issuer replaced" : "issuer loaded", {
        expires: new Date(authority.expiresAtMs).toISOString(),
      });
      if (this.#loaded) this.#options.events.issuerUpdated(authority.expiresAtMs);
      this.#loaded = { stamp, authority };
    } catch (caught) {
      const error = toMeshError(caught, {
        kind: "environment",
        code: "IDENTITY_ISSUER_UNREADABLE",
        message: `issuer in ${issuerDir} cannot be read: ${(caught as Error).message}`,
      });
      log.warn(error.message, { code: error.code, kept: this.#loaded !== undefined });
      if (this.#loaded) this.#options.events.issuerUpdateSkipped(error.message);
    }
  }
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function stampOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file);
  return `${file}@${mtimeMs}:${size}:${ino}`;
}
