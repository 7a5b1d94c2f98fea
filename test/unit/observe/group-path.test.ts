import assert from "node:assert/strict";
import { test } from "node:test";
import { groupPath } from "../../../src/observe/group-path.ts";

const PATHS: readonly (readonly [path: string, grouped: string])[] = [
  ["/", "/"],
  ["/users/42/orders", "/users/:id/orders"],
  ["/users/-1", "/users/:id"],
  ["/a/6f1ed002-ab55-4a5d-9ee3-0d2c8bba2c2e", "/a/:id"],
  ["/objects/507f1f77bcf86cd799439011/x", "/objects/:id/x"],
  ["/git/deadbeef", "/git/deadbeef"],
  ["/git/deadbee5", "/git/:id"],
  ["/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/:id"],
  ["/t/eyJhbGciOiJIUzI1NiJ9", "/t/:id"],
  ["/api/v2/books", "/api/v2/books"],
  ["/s3/route53/python3", "/s3/route53/python3"],
  ["/files/report-2024.pdf", "/files/report-2024.pdf"],
  ["/very-long-word-without-any-digit", "/very-long-word-without-any-digit"],
  ["/emojivoto.v1.VotingService/VoteGhost", "/emojivoto.v1.VotingService/VoteGhost"],
  ["/posts/how-we-built-it-in-2024-part-2", "/posts/how-we-built-it-in-2024-part-2"],
  ["*", "*"],
];

for (const [path, grouped] of PATHS) {
  test(`${path} is in the row ${grouped}`, () => assert.equal(groupPath(path), grouped));
}
