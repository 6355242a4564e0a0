"""Loads a model from the Hub into a directory. Exit code 3: no second try will mend it."""
import os
import sys

repository, target = sys.argv[1], sys.argv[2]
done = os.path.join(target, ".llmd-bench-complete")
if os.path.exists(done):
    print(f"{repository} is in {target} already", flush=True)
    sys.exit(0)

from huggingface_hub import snapshot_download  # noqa: E402
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError  # noqa: E402

try:
    os.makedirs(target, exist_ok=True)
    snapshot_download(repo_id=repository, local_dir=target, token=os.environ.get("HF_TOKEN") or None)
except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as e:
    # Its text names the repository and the answer, and no token.
    print(f"{type(e).__name__}: {str(e).partition(chr(10))[0]}", file=sys.stderr, flush=True)
    sys.exit(3)
except PermissionError as e:
    print(f"the volume cannot be written: {e}", file=sys.stderr, flush=True)
    sys.exit(3)
with open(done, "w", encoding="utf-8") as f:
    f.write(repository + "\n")
print(f"{repository} is in {target}", flush=True)
