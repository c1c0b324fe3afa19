"""Goldens of the recurrent networks: configs/mnist's rows and configs/text's language models (see networks_common.py)."""
import torch
from torch import nn

from networks_common import CLASSES, write


class Rows(nn.Module):
    def __init__(self, kind, hidden):
        super().__init__()
        self.rnn, self.fc = kind(28, hidden, batch_first=True), nn.Linear(hidden, CLASSES)

    def forward(self, x):
        return self.fc(self.rnn(x.squeeze(1))[0][:, -1])


class LanguageModel(nn.Module):
    """Truncated backpropagation through time: the state goes on from batch to batch, the gradient does not."""

    def __init__(self, kind, vocabulary, embedding, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = kind(embedding, hidden, layers, batch_first=True)
        self.fc = nn.Linear(hidden, vocabulary)
        self.reset()

    def reset(self):
        self.state = None

    def forward(self, tokens):
        output, state = self.rnn(self.embedding(tokens), self.state)
        self.state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        return self.fc(output).flatten(0, 1)


for cell, kind in (("lstm", nn.LSTM), ("gru", nn.GRU)):
    write(f"{cell}_rows", f"mnist/{cell}_rows.yaml", ["vars.hidden=24", "train.clip=~"], Rows(kind, 24), (6, 1, 28, 28), layers=2, lr=0.1)
    write(f"char_{cell}", f"text/char_{cell}.yaml", ["vars.hidden=32", "vars.embedding=12", "train.clip=~"],
          LanguageModel(kind, 20, 12, 32, 2), (5, 16), layers=3, lr=1.0, vocabulary=20)
