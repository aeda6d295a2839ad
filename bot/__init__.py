"""The conversation: what the owner reads and writes, and everything that is started.

app.py is the composition root of `copybara run`: read it first. conversation.py has the values that pass between a
messenger and the assistant, kinds.py a stable word for every sentence. The rooms are messengers (ways to read and
write), assistant (what is done with a message), page (the handset page's side), desktop (calls as notifications),
devices (the owner's other devices), texts (all sentences), backup (the home in one file), cli and demo; terminal and
process are what they all rest on. May import peer and shared.
"""
