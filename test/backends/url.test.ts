import { expect, test } from "vitest";
import { parseRespUrl } from "../../src/backends/valkey/url.ts";

const plain = {
  host: "127.0.0.1",
  port: 6379,
  path: undefined,
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
};

test.each([
  ["redis://", {}, "redis://127.0.0.1:6379"],
  ["redis://cache", { host: "cache" }, "redis://cache:6379"],
  ["valkey://cache:7000/2", { host: "cache", port: 7000, database: 2 }, "valkey://cache:7000/2"],
  ["redis://[::1]:7000", { host: "::1", port: 7000 }, "redis://[::1]:7000"],
  [
    "rediss://u:p%40ss@h",
    { host: "h", tls: true, username: "u", password: "p@ss" },
    "rediss://h:6379",
  ],
  ["redis://:secret@h/", { host: "h", password: "secret" }, "redis://h:6379"],
  [
    "unix:/run/kw.sock?db=3",
    { host: "localhost", port: 0, path: "/run/kw.sock", database: 3 },
    "unix:/run/kw.sock",
  ],
  [
    "unix://u:p%40ss@/run/kw%20a.sock",
    { host: "localhost", port: 0, path: "/run/kw a.sock", username: "u", password: "p@ss" },
    "unix:/run/kw a.sock",
  ],
])("%s", (text, expected, label) => {
  expect(parseRespUrl(text)).toEqual({ ...plain, ...expected, label });
});

test.each([
  "",
  "localhost:6379",
  "http://h",
  "redis://h/x",
  "unix:relative",
  "unix://host/p",
  "redis://%zz@h",
])("%j is refused", (text) =>
  expect(() => parseRespUrl(text)).toThrow(/URL|database|socket|percent/),
);

test("a refusal does not repeat the password", () => {
  for (const url of ["redis://u:secret@h/x", "redis://u:my@secret@h:x"])
    expect(() => parseRespUrl(url)).toThrow(/^(?!.*secret)/);
});
