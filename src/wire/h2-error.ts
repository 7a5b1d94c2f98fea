import { MeshError } from "../base/error.ts";
import { H2Code, h2CodeName } from "./h2-protocol.ts";

/** A peer broke the rules of HTTP/2; the whole connection ends with this code. */
export class H2Error extends MeshError {
  /** Sent in GOAWAY. */
  readonly h2Code: H2Code;

  constructor(h2Code: H2Code, message: string) {
    super({
      kind: "environment",
      code: "HTTP_2_CONNECTION",
      message: `HTTP/2 connection broke the protocol (${h2CodeName(h2Code)}): ${message}`,
      hint: "the peer's HTTP/2 implementation is at fault; RFC 9113 says what it may send",
    });
    this.h2Code = h2Code;
  }
}

export function protocolError(message: string): H2Error {
  return new H2Error(H2Code.protocolError, message);
}
