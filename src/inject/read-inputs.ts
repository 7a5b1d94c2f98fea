import { MeshError, systemErrorCode } from "../base/error.ts";

/** One text to inject, and how to name it in messages. */
export interface InputText {
  readonly name: string;
  readonly text: string;
}

/** What reading needs of the world. */
export interface InputReader {
  readStdin(): Promise<Buffer>;
  readFile(path: string): Promise<Buffer>;
  /** Entries of a directory, or undefined when the path is none. */
  readDirectory(
    path: string,
  ): Promise<readonly { readonly name: string; readonly isDirectory: boolean }[] | undefined>;
  fetch(url: string): Promise<Response>;
}

/** kubectl's own list: what it would apply from a directory. */
const EXTENSIONS = [".yaml", ".yml", ".json"];

/**
 * Reads files, directories (recursively, in the order of their names; `.yaml`, `.yml` and `.json`), https URLs and `-`.
 *
 * @throws MeshError `INPUT_UNREADABLE`, `INPUT_URL`, `INPUT_ENCODING`
 */
export async function readInputs(names: readonly string[], reader: InputReader): Promise<InputText[]> {
  const inputs: InputText[] = [];
  for (const name of names) {
    if (name === "-") inputs.push(decode("standard input", await reader.readStdin()));
    else if (/^[a-z][a-z0-9+.-]*:\/\//i.test(name)) inputs.push(decode(name, await readUrl(name, reader)));
    else await readPath(name, reader, inputs);
  }
  return inputs;
}

async function readPath(path: string, reader: InputReader, inputs: InputText[]): Promise<void> {
  try {
    const entries = await reader.readDirectory(path);
    if (!entries) {
      inputs.push(decode(path, await reader.readFile(path)));
      return;
    }
    for (const entry of [...entries].sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const child = `${path.replace(/\/$/, "")}/${entry.name}`;
      if (entry.isDirectory) await readPath(child, reader, inputs);
      else if (EXTENSIONS.some((extension) => entry.name.endsWith(extension))) {
        inputs.push(decode(child, await reader.readFile(child)));
      }
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    const code = systemErrorCode(cause);
    const words =
      code === "ENOENT"
        ? "no such file or directory"
        : code === "EACCES"
          ? "permission denied"
          : (code ?? String(cause));
    throw new MeshError({
      kind: "user",
      code: "INPUT_UNREADABLE",
      message: `cannot read ${path}: ${words}`,
      cause,
    });
  }
}

async function readUrl(url: string, reader: InputReader): Promise<Buffer> {
  if (!url.startsWith("https://")) {
    throw new MeshError({
      kind: "user",
      code: "INPUT_URL",
      message: `${url} is not https`,
      hint: "manifests decide what runs in the cluster: read them over https, or download them and give the file",
    });
  }
  let response: Response;
  try {
    response = await reader.fetch(url);
  } catch (cause) {
    const origin = (cause as Error).cause ?? cause;
    throw new MeshError({
      kind: "environment",
      code: "INPUT_URL",
      message: `cannot read ${url}: ${origin instanceof Error ? origin.message : String(origin)}`,
      cause,
    });
  }
  if (response.status !== 200) {
    throw new MeshError({
      kind: "user",
      code: "INPUT_URL",
      message: `${url} answered ${`${response.status} ${response.statusText}`.trimEnd()}, not 200`,
      hint: "open the address in a browser: it may be a page that leads to the file",
    });
  }
  return Buffer.from(await response.arrayBuffer());
}

/** Bytes as text that turns into the same bytes again. */
function decode(name: string, bytes: Buffer): InputText {
  const text = bytes.toString("utf8");
  if (Buffer.byteLength(text) === bytes.length && Buffer.from(text).equals(bytes)) return { name, text };
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  throw new MeshError({
    kind: "user",
    code: "INPUT_ENCODING",
    message: `${name} is not UTF-8${utf16 ? ": it is UTF-16" : ""}`,
    hint: utf16 ? `convert it: iconv -f UTF-16 -t UTF-8 ${name}` : "Kubernetes reads manifests as UTF-8",
  });
}
