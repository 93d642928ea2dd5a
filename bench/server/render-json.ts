import type { ServerResults } from "./results.ts";

/** All data of a run, one cell a line, so that two runs can be compared line by line. */
export function renderJson(results: ServerResults): string {
  const { cells, ...facts } = results;
  const lines = cells.map((cell) => `    ${JSON.stringify(cell, rounded)}`);
  const head = JSON.stringify(facts, rounded, 2).replace(/\n}$/, "");
  return `${head},\n  "cells": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value;
}
