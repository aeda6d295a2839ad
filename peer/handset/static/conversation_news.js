// Who comes into a conversation of several people and who leaves it, and what came of a question about it.

import { toast } from "./toasts.js";

const PASSING = ["conversation.joined", "conversation.left", "conversation.off"];
const URGENT = ["conversation.cant-meet"];

export function tellConversationNews(program) {
  program.addEventListener("said", ({ detail }) => {
    if (PASSING.includes(detail.kind)) toast(detail);
    if (URGENT.includes(detail.kind)) toast(detail, { urgent: true, seconds: 20 });
  });
}
