import type { ChatRequest } from "./request.ts";

/** How an answer went. */
export interface ChatOutcome {
  readonly text: string;
  /** `stop`: the model had said all, or said one of the words to stop at. */
  readonly finish: "stop" | "length";
  readonly promptTokens: number;
  /** Tokens of the prompt that needed no evaluation. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface AnswerOptions {
  /** Ends the answer early; it then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Hears the answer as it is made. */
  readonly onText: (text: string) => void;
}

/** What answers chats. */
export interface ChatEngine {
  /** Answers that can be made at the same time. */
  readonly width: number;
  /** @param slot Which of them this is, from 0. No two are made in one slot at a time. */
  answer(request: ChatRequest, slot: number, options: AnswerOptions): Promise<ChatOutcome>;
}
