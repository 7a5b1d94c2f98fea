import { MeshError } from "../../base/error.ts";
import { type ProfileRoute, quoteRegex } from "./service-profile.ts";

/** Names, numbers and dots hang together; comments and blanks end them; everything else is one sign. */
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.]+|[^\s\w]/g;
/** Calls of these may be repeated: they change nothing, or nothing twice. */
const REPEATABLE = ["IDEMPOTENT", "NO_SIDE_EFFECTS"];

/**
 * Routes of the services in a protobuf file: one for each rpc.
 *
 *   file     = { "package" name ";" | "service" name "{" member* "}" | anything }
 *   member   = "rpc" name "(" ... ")" "returns" "(" ... ")" ( ";" | "{" option* "}" ) | anything
 *
 * @throws MeshError `PROFILE_PROTO` when there is no service, or the file ends in one
 */
export function routesFromProto(text: string, source: string): ProfileRoute[] {
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token).filter((token) => !/^\/[/*]/.test(token));
  const routes: ProfileRoute[] = [];
  let packageName = "";
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at] === "package" && tokens[at + 2] === ";") packageName = tokens[at + 1]!;
    // A message may have a field named service: only a name and a brace make a declaration.
    if (tokens[at] !== "service" || tokens[at + 2] !== "{") continue;
    const end = closing(tokens, at + 2, source);
    const service = packageName === "" ? tokens[at + 1]! : `${packageName}.${tokens[at + 1]}`;
    routes.push(...routesOfService(tokens.slice(at + 3, end), service, source));
    at = end;
  }
  if (routes.length > 0) return routes;
  throw new MeshError({
    kind: "user",
    code: "PROFILE_PROTO",
    message: `${source} declares no rpc`,
    hint: "give the .proto file with the service, not one that it imports",
  });
}

function routesOfService(tokens: readonly string[], service: string, source: string): ProfileRoute[] {
  const routes: ProfileRoute[] = [];
  for (let at = 0; at < tokens.length; at++) {
    // Options of the service itself.
    if (tokens[at] === "{") at = closing(tokens, at, source);
    if (tokens[at] !== "rpc") continue;
    const name = tokens[at + 1]!;
    let end = at;
    while (end < tokens.length && tokens[end] !== ";" && tokens[end] !== "{") end++;
    const options = tokens[end] === "{" ? tokens.slice(end, closing(tokens, end, source)) : [];
    routes.push({
      name,
      condition: { method: "POST", pathRegex: quoteRegex(`/${service}/${name}`) },
      ...(isRepeatable(options) ? { isRetryable: true } : {}),
    });
    at = end + options.length;
  }
  return routes;
}

/** `option idempotency_level = NO_SIDE_EFFECTS;` */
function isRepeatable(tokens: readonly string[]): boolean {
  const at = tokens.indexOf("idempotency_level");
  return at >= 0 && REPEATABLE.includes(tokens[at + 2] ?? "");
}

/** Index of the brace that closes the one at `open`. */
function closing(tokens: readonly string[], open: number, source: string): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (tokens[at] === "{") depth++;
    if (tokens[at] === "}" && --depth === 0) return at;
  }
  throw new MeshError({
    kind: "user",
    code: "PROFILE_PROTO",
    message: `${source} ends within braces`,
    hint: "give the whole file",
  });
}
