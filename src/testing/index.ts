export { type StoreUnderTest, type TestRunner, describeBlockStore } from "./contract-suite.ts";
export { FakeClock } from "./fake-clock.ts";
