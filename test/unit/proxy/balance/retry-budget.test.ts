import assert from "node:assert/strict";
import { test } from "node:test";
import { RetryBudget, RetryBudgets } from "../../../../src/proxy/balance/retry-budget.ts";

const SETTINGS = { ratio: 0.2, minPerSecond: 0, ttlMs: 10_000 };

test("budget gives one retry for so many requests as its ratio says", () => {
  const budget = new RetryBudget(SETTINGS, 0);
  for (let round = 0; round < 4; round++) budget.deposit(round);
  assert.equal(budget.withdraw(5), false);
  budget.deposit(6);
  assert.equal(budget.withdraw(7), true);
  assert.equal(budget.withdraw(7), false);
});

test("budget has a reserve that comes back when its use is older than the window", () => {
  const budget = new RetryBudget({ ...SETTINGS, ratio: 0, minPerSecond: 1 }, 0);
  for (let round = 0; round < 10; round++) assert.equal(budget.withdraw(0), true);
  assert.equal(budget.withdraw(9999), false);
  assert.equal(budget.withdraw(10_000), true);
});

test("requests that are older than the window pay for nothing", () => {
  const budget = new RetryBudget(SETTINGS, 0);
  for (let round = 0; round < 100; round++) budget.deposit(0);
  assert.equal(Math.round(budget.balance(9999)), 20);
  assert.equal(budget.balance(10_000), 0);
  assert.equal(budget.balance(10_000_000), 0);
});

test("a ratio above 1 gives several retries for a request", () => {
  const budget = new RetryBudget({ ...SETTINGS, ratio: 2.5 }, 0);
  budget.deposit(0);
  assert.deepEqual([budget.withdraw(0), budget.withdraw(0), budget.withdraw(0)], [true, true, false]);
});

test("rules that name the same settings share a budget, others do not", () => {
  const budgets = new RetryBudgets();
  assert.equal(budgets.of(SETTINGS, 0), budgets.of(SETTINGS, 5));
  assert.notEqual(budgets.of(SETTINGS, 0), budgets.of({ ...SETTINGS }, 0));
});
