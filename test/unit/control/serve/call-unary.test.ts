import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { type TestContext, test } from "node:test";
import { Identity } from "../../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { callUnary } from "../../../../src/control/serve/call-unary.ts";
import { GrpcConnection } from "../../../../src/control/serve/grpc-connection.ts";
import { GrpcCode, GrpcError } from "../../../../src/control/serve/grpc-error.ts";
import { type GrpcMethod, unaryMethod } from "../../../../src/control/serve/grpc-method.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

type Answer = Parameters<
  typeof unaryMethod<typeof Identity.method.certify.input, typeof Identity.method.certify.output>
>[1];

/** A client's call to a server of ours, joined without a socket. */
function call(t: TestContext, methods: readonly GrpcMethod[]) {
  const [socket, server] = duplexPair();
  const clock = new FakeClock();
  new GrpcConnection({
    socket: server,
    identity: "",
    peer: "",
    methods: new Map(methods.map((method) => [method.path, method])),
    observer: { started() {}, sent() {}, handled() {} },
    clock,
    onClosed() {},
  });
  t.after(() => socket.destroy());
  const answer = callUnary(
    Identity.method.certify,
    { identity: "web", token: Buffer.from("t") },
    { socket, authority: "identity:8080", clock, timeoutMs: 10_000 },
  );
  return { answer, clock, server };
}

const certify = (answer: Answer) => [unaryMethod(Identity.method.certify, answer)];

test("a unary call brings the request there and the answer back", async (t) => {
  const { answer } = call(
    t,
    certify(async (request) => ({
      leafCertificate: Buffer.from(`${request.identity} ${Buffer.from(request.token)}`),
    })),
  );
  assert.equal(Buffer.from((await answer).leafCertificate).toString(), "web t");
});

test("a unary call fails with the status' message", async (t) => {
  const { answer } = call(
    t,
    certify(async () => {
      throw new GrpcError("not for you: ü", GrpcCode.failedPrecondition);
    }),
  );
  await assert.rejects(answer, { message: "not for you: ü" });
});

test("a unary call to a server without the method fails", async (t) => {
  await assert.rejects(call(t, []).answer, /there is no method/);
});

test("a unary call that is not answered in time fails", async (t) => {
  const { answer, clock } = call(
    t,
    certify(() => new Promise(() => {})),
  );
  const failed = assert.rejects(answer, { message: "no answer within 10s" });
  await settle();
  clock.advance(10_000);
  await failed;
});

test("a unary call whose connection is lost fails", async (t) => {
  const { answer, server } = call(
    t,
    certify(() => new Promise(() => {})),
  );
  const failed = assert.rejects(answer, { message: "the connection was closed" });
  await settle();
  server.end();
  await failed;
});
