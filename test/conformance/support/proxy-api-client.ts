import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import { until } from "../../support/until.ts";

/** Where a control plane serves, and the name in its certificate. */
export interface ApiServer {
  readonly address: string;
  readonly serverName: string;
}

/** What the other implementation decoded of one call, so far. */
export interface ApiCall {
  readonly messages: readonly unknown[];
  /** Fields that the public definitions lack, of all messages: `io.linkerd.proxy.outbound.HttpRoute.Rule:1000`. */
  readonly unknown: readonly string[];
  /** Set when it is over: the code as Go spells it, `NotFound`. */
  readonly end: { readonly code: string; readonly text: string } | undefined;
  /** Resolves with so many messages, or at the call's end. */
  settled(messages: number): Promise<void>;
  cancel(): void;
}

interface Line {
  readonly id: string;
  readonly message?: unknown;
  readonly unknown?: readonly string[];
  readonly code?: string;
  readonly text?: string;
}

/** The Go program `proxyapi`: a client that was generated from the public definitions of the protocol. */
export class ProxyApiClient {
  readonly #child;
  readonly #exited: Promise<unknown>;
  readonly #calls = new Map<string, { messages: unknown[]; unknown: string[]; end: ApiCall["end"] }>();
  #stderr = "";
  #count = 0;

  /**
   * @param program      path of `proxyapi`
   * @param anchorsFile  trust anchors, PEM
   */
  constructor(program: string, anchorsFile: string) {
    this.#child = spawn(program, [anchorsFile], { stdio: ["pipe", "pipe", "pipe"] });
    this.#exited = once(this.#child, "close");
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    createInterface({ input: this.#child.stdout }).on("line", (text) => this.#read(JSON.parse(text) as Line));
  }

  call(server: ApiServer, method: DescMethod, request: MessageShape<DescMessage>): ApiCall {
    return this.#begin({
      method: `${method.parent.name}.${method.name}`,
      ...server,
      request: toJson(method.input, request),
    });
  }

  /** Certify with a key of its own. From the answer on, calls show the certificate. */
  certify(server: ApiServer, identity: string, token: string): ApiCall {
    return this.#begin({ method: "Identity.Certify", ...server, identity, token });
  }

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }

  #begin(line: object): ApiCall {
    const id = String(++this.#count);
    const state = { messages: [] as unknown[], unknown: [] as string[], end: undefined as ApiCall["end"] };
    this.#calls.set(id, state);
    this.#write({ id, ...line });
    return {
      messages: state.messages,
      unknown: state.unknown,
      get end() {
        return state.end;
      },
      settled: async (count) => {
        await until(`${count} messages of ${JSON.stringify(line)}`, () => {
          if (this.#child.exitCode !== null) throw new Error(`proxyapi ended: ${this.#stderr}`);
          return state.end !== undefined || state.messages.length >= count;
        });
      },
      cancel: () => this.#write({ id, cancel: true }),
    };
  }

  #write(line: object): void {
    this.#child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  #read({ id, message, unknown = [], code, text = "" }: Line): void {
    const state = this.#calls.get(id)!;
    if (code !== undefined) state.end = { code, text };
    if (message !== undefined) {
      state.messages.push(message);
      state.unknown.push(...unknown);
    }
  }
}
