"""A round with the client that client.sh makes out of openapi.json: sign on, send, read, enter a room, sign out."""

import sys

from chat_client import AuthenticatedClient, Client
from chat_client.api.messages import create_message, get_message
from chat_client.api.programs import post_by_hook
from chat_client.api.rooms import enter, list_rooms, room_messages
from chat_client.api.users import create_user, leave, me
from chat_client.models import HookPost, NewMessage, NewUser, Problem

page = sys.argv[1]
guest = create_user.sync(client=Client(base_url=page), body=NewUser(name="made"))
client = AuthenticatedClient(base_url=page, token=guest.token)
assert me.sync(client=client).user.name == "made"

said = create_message.sync(client=client, body=NewMessage(text="halo dari client"))
assert (said.text, said.room, said.from_.name) == ("halo dari client", "lobby", "made"), said
assert get_message.sync(said.id, client=client).seq == said.seq
found = room_messages.sync("#lobby", client=client, limit=1)
assert [message.text for message in found.messages] == ["halo dari client"], found

assert enter.sync_detailed("rust", client=client, body=None).status_code == 204
assert {room.id for room in list_rooms.sync(client=client)} == {"lobby", "rust"}

# A refusal is a problem with a code.
refused = create_message.sync(client=client, body=NewMessage(text=" "))
assert isinstance(refused, Problem) and refused.code == "no-text", refused
wrong = post_by_hook.sync("chat_hook_0", client=client, body=HookPost(text="x"))
assert isinstance(wrong, Problem) and wrong.status == 404, wrong

assert leave.sync_detailed(client=client).status_code == 204
assert me.sync(client=client).code == "not-signed-on"
print("the client that was made from openapi.json takes part")
