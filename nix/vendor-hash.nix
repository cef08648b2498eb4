"sha256-vjpxJxbFo4rZ8WI3mLeeeMsqpUTmkYXu+cWLdssK/ss="
