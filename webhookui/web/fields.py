from flask import Blueprint

bp = Blueprint("fields", __name__)
