export { run, type RunOptions, type RunResult } from "../../util/run.ts";
