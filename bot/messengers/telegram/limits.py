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
"No number is documented for InlineQueryResultsButton.text; what fits above the results on a phone."

CAPTION_CHARACTERS = 1024
"Bot API, sendDocument: caption, 0-1024 characters after entities parsing."

FILE_BYTES = 50 * 10**6
"Bot API, sendDocument: bots can send files of any type of up to 50 MB."

UPDATES_AT_ONCE = 100
"Bot API, getUpdates: limit, 1-100."

UPDATE_IDS_RESTART_SECONDS = 6 * 24 * 3600
"""Bot API, Update: without updates for at least a week the next identifier is chosen at random. With a day less, no
offset is sent, for a new number may be smaller than the last one."""

MESSAGES_PER_CHAT_SECONDS = 1.0
"core.telegram.org/bots/faq#my-bot-is-hitting-limits: avoid sending more than one message per second in a chat …"

MESSAGES_AT_ONCE = 20
"… but short bursts may go over that. The FAQ gives no number; 429 says when it was too many."

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
"Bot API, getUpdates: the kinds of update that are asked for. Edited messages are not: a link is read once."

# Not Telegram's, but ours.

POLL_SECONDS = 25
"How long one getUpdates waits for an update."

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 15.0
"How long any other request may take."

TAP_SECONDS = POLL_SECONDS + REPLY_SECONDS
"""How long ago a tap that opens something may have been. Telegram dates none (Bot API, CallbackQuery), and while
nothing comes it says so only this often."""

FILE_SECONDS = 120.0
"How long sending a file may take."

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 30.0
"How long to wait after a failure; doubled each time."

CONFLICT_SECONDS = 10.0
"How long to leave the updates to the other program that reads them."

LONGEST_RETRY_AFTER_SECONDS = 3600.0
"The longest pause that a 429 may ask for."

TOKEN_REFUSALS = 3
"How often getMe must be refused in a row before the token counts as revoked."

TOKEN_LAST_RETRY_SECONDS = 120.0
"How often a token that counts as revoked is tried again."

REPLY_BYTES = 32 * 2**20
"The longest answer that is read: a hundred updates of the longest messages have some 5 MB."

REPEAT_SECONDS = 600.0
"How often a lasting problem is reported again."

REFRESH_SECONDS = 10.0
"How often the message of a running call is brought up to date."

EDIT_SECONDS = MESSAGES_PER_CHAT_SECONDS
"The least time between two edits of one message."

FLUSH_SECONDS = 0.4
"How long the end of the program waits for what is still to be written."

STRANGERS_REMEMBERED = 1000
"Strangers who have had the one reply."
