"""Objects as files that hold data only: writing, reading, and the names that are allowed."""

from skgen.storage.files import FileFormatError as FileFormatError
from skgen.storage.files import leftovers as leftovers
from skgen.storage.files import read as read
from skgen.storage.files import read_with_objects as read_with_objects
from skgen.storage.files import reason_not_saved as reason_not_saved
from skgen.storage.files import register as register
from skgen.storage.files import register_value as register_value
from skgen.storage.files import remove_leftovers as remove_leftovers
from skgen.storage.files import write as write
