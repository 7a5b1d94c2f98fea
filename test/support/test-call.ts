import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { GrpcError } from "../../src/control/serve/grpc-error.ts";
import {
  type CallEnd,
  decodeFrame,
  type GrpcCall,
  type GrpcMethod,
} from "../../src/control/serve/grpc-method.ts";

/** A call without a connection, whose client takes everything at once. */
export class TestCall implements GrpcCall {
  readonly frames: Buffer[] = [];
  error: GrpcError | undefined;
  isOver = false;
  subject = "";
  onOver: (how: CallEnd) => void = () => {};

  /** Begins a call to one of these methods. */
  static open<I extends DescMessage>(
    methods: readonly GrpcMethod[],
    { parent, name, input }: DescMethod & { readonly input: I },
    request: MessageInitShape<I>,
  ): TestCall {
    const path = `/${parent.typeName}/${name}`;
    const method = methods.find((each) => each.path === path);
    if (!method) throw new Error(`no method ${path}`);
    const call = new TestCall();
    method.open(toBinary(input, create(input, request)), call);
    return call;
  }

  messages<O extends DescMessage>(output: O): MessageShape<O>[] {
    return this.frames.map((frame) => decodeFrame(output, frame));
  }

  send(frame: Buffer): void {
    if (!this.isOver) this.frames.push(frame);
  }

  sendState(frame: Buffer): void {
    this.send(frame);
  }

  end(error?: GrpcError): void {
    this.error ??= error;
    this.#over("ended");
  }

  /** As a client that leaves. */
  cancel(): void {
    this.#over("cancelled");
  }

  #over(how: CallEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onOver(how);
  }
}
