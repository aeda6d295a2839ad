"""What Telegram allows, each with where it says so. "Bot API" is core.telegram.org/bots/api, version 10.0."""

from __future__ import annotations

MESSAGE_CHARACTERS = 4096
"Bot API, sendMessage: text, 1-4096 characters after entities parsing."

CALLBACK_DATA_BYTES = 64
"Bot API, InlineKeyboardButton: callback_data, 1-64 bytes."

CALLBACK_ANSWER_CHARACTERS = 200
"Bot API, answerCallbackQuery: text, 0-200 characters."

COPY_CHARACTERS = 256
"Bot API, CopyTextButton: text, 1-256 characters."

START_CHARACTERS = 64
"core.telegram.org/bots/features#deep-linking: A-Z, a-z, 0-9, _ and -, up to 64 characters."

INLINE_BUTTON_CHARACTERS = 64
"Undocumented for InlineQueryResultsButton.text: as much as fits above the results on a phone."

CAPTION_CHARACTERS = 1024
"Bot API, sendDocument: caption, 0-1024 characters after entities parsing."

FILE_BYTES = 50 * 10**6
"Bot API, sendDocument: bots can send files of any type of up to 50 MB."

UPDATES_AT_ONCE = 100
"Bot API, getUpdates: limit, 1-100."

UPDATE_IDS_RESTART_SECONDS = 6 * 24 * 3600
"""Bot API, Update: after a week without updates, the next identifier is random. One day before that we stop sending an
offset, because a new number may be smaller than the last one."""

MESSAGES_PER_CHAT_SECONDS = 1.0
"core.telegram.org/bots/faq#my-bot-is-hitting-limits: avoid sending more than one message per second in a chat …"

MESSAGES_AT_ONCE = 20
"… but short bursts may exceed that. The FAQ gives no number; error 429 tells when there were too many."

GROUP_MESSAGES_PER_MINUTE = 20
"core.telegram.org/bots/faq#my-bot-is-hitting-limits: not more than 20 messages per minute to the same group."

MESSAGES_PER_SECOND = 30
"The same page: not more than about 30 messages per second in all."

ALLOWED_UPDATES = (
    "message",
    "callback_query",
    "inline_query",
    "chosen_inline_result",
    "business_connection",
    "business_message",
    "guest_message",
)
"Bot API, getUpdates: the kinds of update that we ask for. Edited messages aren't among them: a link is read once."

# Our own limits.

POLL_SECONDS = 25
"How long one getUpdates waits for an update."

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 15.0
"How long any other request may take."

TAP_SECONDS = POLL_SECONDS + REPLY_SECONDS
"""How old a tap that opens something may be. Telegram doesn't date taps (Bot API, CallbackQuery), and without updates
it replies only this often."""

FILE_SECONDS = 120.0
"How long sending a file may take."

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 30.0
"The first and the longest pause after a failure. Each pause is twice the one before."

CONFLICT_SECONDS = 10.0
"How long to wait after a conflict with another program that reads the updates."

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"The longest pause that we accept from a 429."

TOKEN_REFUSALS = 3
"How many times in a row getMe must be refused before the token counts as revoked."

TOKEN_LAST_RETRY_SECONDS = 120.0
"The longest pause between two tries of a token that counts as revoked."

REPLY_BYTES = 32 * 2**20
"The longest reply that is read, in bytes. A hundred updates with the longest messages have about 5 MB."

REPEAT_SECONDS = 600.0
"How often a lasting problem is reported again."

REFRESH_SECONDS = 10.0
"How often the message of a running call is updated."

EDIT_SECONDS = MESSAGES_PER_CHAT_SECONDS
"The shortest time between two edits of one message."

FLUSH_SECONDS = 0.4
"How long the end of the program waits for messages to be sent."

STRANGERS_REMEMBERED = 1000
"How many strangers are remembered as greeted. Each gets one reply."
