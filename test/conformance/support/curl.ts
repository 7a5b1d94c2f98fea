import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess } from "../../support/run-process.ts";

export interface CurlAnswer {
  readonly status: number;
  /** "1.0", "1.1" or "2". */
  readonly version: string;
  /** Heads of all responses, and trailers, as text. */
  readonly head: string;
  readonly body: Buffer;
  readonly connects: number;
}

let calls = 0;

/** Asks once. @throws Error with curl's own words when it is not content */
export async function curl(url: string, ...options: readonly string[]): Promise<CurlAnswer> {
  const stem = join(tmpdir(), `meshctl-curl-${process.pid}-${calls++}`);
  try {
    const args = ["-sS", "-D", `${stem}.head`, "-o", `${stem}.body`, "-w", "%{json}", ...options, url];
    // A proxy of this machine's environment has no part in it.
    const env = { http_proxy: undefined, HTTP_PROXY: undefined, ALL_PROXY: undefined, NO_PROXY: "*" };
    const { stdout } = await runProcess("curl", args, { env: { ...env, no_proxy: undefined } });
    const said = JSON.parse(stdout) as {
      response_code: number;
      http_version: string;
      num_connects: number;
      size_download: number;
    };
    return {
      status: said.response_code,
      version: said.http_version === "1" ? "1.0" : said.http_version,
      connects: said.num_connects,
      head: await readFile(`${stem}.head`, "latin1"),
      // With -I curl writes the head there.
      body: said.size_download === 0 ? Buffer.alloc(0) : await readFile(`${stem}.body`),
    };
  } finally {
    await rm(`${stem}.head`, { force: true });
    await rm(`${stem}.body`, { force: true });
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
