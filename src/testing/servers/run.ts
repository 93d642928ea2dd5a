export { run, type RunResult } from "../../util/run.ts";
