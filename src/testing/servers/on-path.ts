export { isExecutableFile, onPath } from "../../util/on-path.ts";
