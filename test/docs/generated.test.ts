import { expect, test } from "vitest";
import { pages } from "../../scripts/docs/pages.ts";

test.each(await pages())("$path is as `npm run docs` writes it", ({ text, fresh }) => {
  expect(text).toBe(fresh);
});
