import assert from "node:assert/strict";
import { test } from "node:test";
import { listen } from "../../../src/net/listen.ts";

const HOST = "127.0.0.1";

test("listen on a taken port says how to find who has it, and which variable sets another", async (t) => {
  const first = await listen({ host: HOST, port: 0 }, "inbound proxy", () => {});
  t.after(() => first.stop());
  const target = { host: HOST, port: first.port };
  await assert.rejects(
    listen(target, "inbound proxy", () => {}, { variable: "MESHCTL_PROXY_INBOUND_LISTEN_ADDR" }),
    {
      code: "LISTEN_FAILED",
      message: `inbound proxy cannot listen on ${HOST}:${first.port}: EADDRINUSE`,
      hint: `find who has it: ss -ltnp 'sport = :${first.port}'; or set another address in MESHCTL_PROXY_INBOUND_LISTEN_ADDR`,
    },
  );
  await assert.rejects(
    listen(target, "tap", () => {}),
    { hint: /; or configure another address$/ },
  );
});
